"""Ray itself: a local one is started and leaves nothing behind, or a cluster is joined."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import ray

from cvae_core.shell import shell_line
from orchestration.commands import program
from orchestration.engine import ray_patches
from orchestration.errors import UserError
from orchestration.plan.slots import Node, count_slots, object_store_bytes
from orchestration.signals import reset_handlers
from orchestration.spec.sweep import Resources
from orchestration.threads import thread_environment

CONNECT_TIMEOUT_S = 5.0
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


class RaySession:
    """Starts a local Ray, or joins one, and leaves nothing behind.

    Args:
        address: of a running cluster; None starts a local one.
        resources: of one trial.
        max_concurrent: most trials at once; None: as many as fit.
        data_bytes: size of the data that workers share.
        temporary: folder for what a local Ray writes; its path has to be short.
    """

    def __init__(
        self,
        address: str | None,
        resources: Resources,
        max_concurrent: int | None,
        data_bytes: int,
        temporary: Path,
    ) -> None:
        self._address = address
        self._resources = resources
        self._max_concurrent = max_concurrent
        self._data_bytes = data_bytes
        self._temporary = temporary
        self._head: list[psutil.Process] = []

    def start(self) -> Cluster:
        """Start or join Ray. Call in the main thread.

        Raises:
            UserError: the cluster does not answer, or no node can hold a trial.
        """
        options: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "include_dashboard": False,
            "configure_logging": True,
            "runtime_env": {"env_vars": thread_environment(self._resources.cpu)},
        }
        if self._address is None:
            options |= {
                "address": "local",
                "_temp_dir": str(self._temporary),
                "object_store_memory": object_store_bytes(self._data_bytes),
            }
            options["runtime_env"]["env_vars"]["TMPDIR"] = str(self._temporary)
            # Else Ray starts a worker a CPU, and ends them: they are without this environment.
            os.environ.setdefault("RAY_prestart_worker_first_driver", "0")
        else:
            del options["include_dashboard"]
            options["address"] = self._address
        # Of a Ray that has died under this process the dead remain its children.
        before = psutil.Process().children()
        # A local Ray would else listen on every network.
        reach = nullcontext() if self._address else ray_patches.loopback_alone()
        try:
            with reach:
                ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
            self.stop()
            where = f"the Ray cluster at {self._address}" if self._address else "a local Ray"
            raise UserError(
                f"{where} could not be {'joined' if self._address else 'started'}: "
                f"{str(error).strip().splitlines()[0] if str(error) else type(error).__name__}"
            ) from error
        if self._address is None:
            children = psutil.Process().children()
            self._head = [p for p in children if p.name() in HEAD and p not in before]
        try:
            return Cluster(self._slots(), self._address is None, self._died)
        except UserError:
            self.stop()
            raise

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

    def _slots(self) -> int:
        alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        nodes = [Node(has.get("CPU", 0), has.get("GPU", 0)) for has in alive]
        fitting = count_slots(nodes, self._resources, self._max_concurrent)
        if fitting == 0:
            total = ray.cluster_resources()
            raise UserError(
                f"a trial asks for {self._resources.cpu} CPUs and {self._resources.gpu:g} GPUs, "
                f"and no node has that many (all together: {total.get('CPU', 0):g} CPUs, "
                f"{total.get('GPU', 0):g} GPUs); lower resources: in the sweep file"
            )
        return fitting


def check_address(address: str) -> None:
    """Refuse, in seconds, an address at which no Ray answers.

    Raises:
        UserError: the form of the address is wrong, or nothing answers there.
    """
    if address.startswith("ray://"):
        raise UserError(
            f"--address {address}: Ray client addresses are not supported, because Tune would then "
            "run elsewhere; give the address of the head node, such as 10.0.0.1:6379"
        )
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--address {address}: give host:port, such as 10.0.0.1:6379, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--address {address}: no Ray cluster answers there ({error}); "
            f"start one with `{shell_line(program('ray'), 'start', '--head')}`, "
            "or leave --address out"
        ) from error
