"""Ray itself: a local one is started and leaves nothing behind, or a cluster is joined."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import psutil
import ray
from joblib import cpu_count

from orchestration.engine import heap, ray_patches
from orchestration.engine.nodes import Nodes
from orchestration.engine.ray_handshake import greet
from orchestration.errors import UserError
from orchestration.plan.slots import object_store_bytes
from orchestration.signals import reset_handlers
from orchestration.spec.sweep import Resources
from orchestration.threads import thread_environment

LONGEST = 300
"""Characters of what Ray says of a failure."""
ROOMS = Path(__file__).resolve().parents[1]
OWN_CODE = [str(ROOMS), str(ROOMS.with_name("cvae_core"))]
"""Folders of the packages that workers import."""
NO_CODE = ["__pycache__"]
HEAD = ("gcs_server", "raylet")
"""Names of the processes without which a local Ray is none; nothing is ended by its name."""


@dataclass(frozen=True)
class Cluster:
    """A Ray that is up."""

    slots: int
    """How many trials run at once."""
    local: bool
    died: Callable[[], str | None] = lambda: None
    """Which of the processes without which a local Ray is none has died; None: they live."""
    nodes: Nodes | None = None
    """Of a cluster that was joined."""


class RaySession:
    """Starts a local Ray, or joins one, and leaves nothing behind.

    Args:
        address: of a running cluster; None starts a local one.
        resources: of one trial.
        max_concurrent: most trials at once; None: as many as fit.
        data_bytes: size of the data that workers share.
        temporary: folder for what a local Ray writes; its path has to be short.
        ship_code: whether nodes are sent this package, whatever they have of it.
    """

    # More than five: what is sent has nothing to do with the rest.
    def __init__(
        self,
        address: str | None,
        resources: Resources,
        max_concurrent: int | None,
        data_bytes: int,
        temporary: Path,
        *,
        ship_code: bool = False,
    ) -> None:
        self._address = address
        self._resources = resources
        self._max_concurrent = max_concurrent
        self._data_bytes = data_bytes
        self._temporary = temporary
        self._ship_code = ship_code
        self._head: list[psutil.Process] = []

    def start(self) -> Cluster:
        """Start or join Ray. Call in the main thread.

        Raises:
            UserError: the cluster does not answer, or no node can hold a trial, or none is of
                the pool.
        """
        if self._address is not None:
            greet(self._address)
        # Of a Ray that has died under this process the dead remain its children.
        before = psutil.Process().children()
        # A local Ray would else listen on every network.
        reach = nullcontext() if self._address else ray_patches.loopback_alone()
        try:
            with reach:
                ray.init(**self._options())
        except Exception as error:  # Ray has no class of its own for what can happen here
            self.stop()
            raise UserError(self._failed(error)) from error
        if self._address is None:
            children = psutil.Process().children()
            self._head = [p for p in children if p.name() in HEAD and p not in before]
        try:
            nodes = Nodes(ray.nodes, self._resources, self._max_concurrent)
            nodes.check()
            joined = None if self._address is None else nodes
            return Cluster(nodes.slots, self._address is None, self._died, joined)
        except UserError:
            self.stop()
            raise

    def _options(self) -> dict[str, Any]:
        threads = thread_environment(self._resources.threads)
        variables = {**threads, **heap.ENVIRONMENT, "PYTHONSAFEPATH": "1"}
        environment: dict[str, Any] = {"env_vars": variables}
        if self._ship_code:
            environment |= {"py_modules": OWN_CODE, "excludes": NO_CODE}
        options: dict[str, Any] = {
            "address": self._address,
            "log_to_driver": False,
            "logging_level": "ERROR",
            "configure_logging": True,
            "runtime_env": environment,
        }
        if self._address is not None:
            return options
        variables["TMPDIR"] = str(self._temporary)
        return options | {
            "address": "local",
            # Ray itself would count all of the machine's, also where a batch system grants a few.
            "num_cpus": cpu_count(),
            "include_dashboard": False,
            "_temp_dir": str(self._temporary),
            "object_store_memory": object_store_bytes(self._data_bytes),
        }

    def _failed(self, error: Exception) -> str:
        # It may cite a traceback of Ray's, and an address on lines of their own.
        said = shorten(str(error).partition("Traceback")[0], LONGEST) or type(error).__name__
        if self._address is not None:
            return f"the Ray cluster at {self._address} could not be joined: {said}"
        return (
            f"a local Ray could not be started: {said.rstrip('.')}. Run the same command again, if "
            "this machine is slow or busy while less else runs on it"
        )

    def stop(self) -> None:
        """Leave Ray; a local one ends. Call in the main thread."""
        ray.shutdown()
        reset_handlers()

    def _died(self) -> str | None:
        for process in self._head:
            with suppress(ChildProcessError):  # Ray itself has taken note of its end
                if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    continue
            return f"Ray's process {process.pid}"
        return None
