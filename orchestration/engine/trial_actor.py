"""What Ray starts: a worker in an actor, and what it asks for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune import Trainable

from cvae_core.data import Dataset
from orchestration import garbage
from orchestration.caches import find_places
from orchestration.engine.heap import keep_freed_memory
from orchestration.engine.pools import selector
from orchestration.engine.reports import report_to_json
from orchestration.held import hold
from orchestration.ledger.paths import LOCK


class TrialActor(Trainable):
    """A worker in an actor: one job after another, with the data it was started with."""

    def setup(
        self,
        config: dict[str, Any],
        datasets: Mapping[str, Dataset] | None = None,
        folder: str = "",
        threads: int = 1,
        gpu: bool = False,
    ) -> None:
        """Called once an actor."""
        keep_freed_memory()
        find_places()  # another node has a home of its own, or none
        os.environ.pop("MLFLOW_RUN_ID", None)
        with suppress(OSError):  # of a sweep that nobody has locked, or a file system that is away
            # Open, so that the system keeps a folder mounted that it has mounted for us.
            self._lock = (Path(folder) / LOCK).open("rb")
            hold(Path(folder) / LOCK)
        with garbage.importing():
            from orchestration.engine.worker import Worker

            self._worker = Worker(datasets or {}, Path(folder), threads=threads, gpu=gpu)
        self._node = ray.get_runtime_context().get_node_id()
        self._start(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called for every further job."""
        self._start(new_config)
        return True

    def _start(self, config: dict[str, Any]) -> None:
        self._worker.start(config["job"].job())
        self.config = {}  # else it would go back to the driver with every report

    def step(self) -> dict[str, Any]:
        """One step of the job, as Tune wants it."""
        return {"report": report_to_json(self._worker.step()), "node": self._node}


def resources_of(
    bundle: Mapping[str, float], pool: str | None, config: Mapping[str, Any]
) -> tune.PlacementGroupFactory:
    """What a trial of Tune's asks of Ray, and of which nodes.

    Args:
        bundle: CPUs and GPUs.
        pool: as the sweep file names it.
        config: of the trial; it says which nodes its job is kept from.
    """
    labels = selector(pool, config["avoided"].split(",") if config.get("avoided") else [])
    options: dict[str, Any] = {"bundle_label_selector": [labels]} if labels else {}
    return tune.PlacementGroupFactory([dict(bundle)], **options)
