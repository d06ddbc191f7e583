"""What Tune asks at every step and every start takes no longer with more trials and processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.engine import ray_tune as engine
from orchestration.engine.job_searcher import JobSearcher
from orchestration.engine.placement import Placement
from orchestration.engine.ray_cluster import Cluster


class Controller:
    """Tune's, with more trials than anybody wants to look at."""

    def get_trials(self) -> list[Any]:
        pytest.fail("all trials that there ever were are looked at")


def test_no_step_looks_at_all_trials() -> None:
    assert engine._InTurn().choose_trial_to_run(Controller()) is None


def test_processes_are_noted_once_a_second_however_many_trials_start(
    local_sweep: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = local_sweep()
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    results = sweep.results(ledger, queue)
    searcher = JobSearcher(queue, results, Cluster(1, local=True), Placement(None), tmp_path)
    noted: list[float] = []
    now = 100.0
    monkeypatch.setattr(engine.time, "monotonic", lambda: now)
    callback = engine._StartCallback(searcher, results, lambda: noted.append(now))
    callback.on_step_end(0, [])
    assert noted == [], "nothing has started"
    for _ in range(5):
        callback.on_trial_start(0, [], SimpleNamespace(trial_id="a"))
        callback.on_step_end(0, [])
        now += 0.1
    assert noted == [100.0]
    now = 101.0
    callback.on_step_end(0, [])
    assert noted == [100.0, 101.0], "those that started meanwhile are noted too"
    now = 200.0
    callback.on_step_end(0, [])
    assert noted == [100.0, 101.0], "nothing has started since"
