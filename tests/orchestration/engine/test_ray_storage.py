"""The engine's callbacks where the disk is full."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ray.tune.search import Searcher

from orchestration.engine import ray_tune as engine
from orchestration.engine.job_searcher import JobSearcher
from orchestration.engine.placement import Placement
from orchestration.engine.ray_cluster import Cluster
from orchestration.errors import StorageError


def test_who_works_cannot_be_noted(local_sweep: Callable[..., Any], tmp_path: Path) -> None:
    """Tune would take it for an error of a trial, or of this program."""
    sweep = local_sweep()
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    results = sweep.results(ledger, queue)
    searcher = JobSearcher(queue, results, Cluster(1, local=True), Placement(None), tmp_path)
    searcher.suggest("a")

    def full() -> None:
        raise StorageError("the disk is full")

    callback = engine._StartCallback(searcher, results, full)
    callback.on_trial_start(0, [], SimpleNamespace(trial_id="a"))
    callback.on_step_end(0, [])
    assert str(results.broken) == "the disk is full"
    assert searcher.suggest("b") == Searcher.FINISHED
