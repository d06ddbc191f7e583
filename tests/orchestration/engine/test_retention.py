"""A disk budget in real sweeps: the last and the best of each trial stay, others go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestration import store
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.retention import Retention, rounded_up
from orchestration.ledger.checkpoints import total_bytes
from orchestration.ledger.ledger import Ledger
from orchestration.spec.sweep import SweepSpec

GRID = {"beta": [1e-3, 1e-2, 1e-1]}
EVERY = {"min_interval_s": 0, "every_epochs": 1}
NOTHING = {"probe": False, "probe_every": 0}
"""Is measured: an evaluation takes longer than the training, and no room on disk."""


def test_a_real_sweep_keeps_to_its_budget(local_sweep: Callable[..., Any]) -> None:
    common = {"grid": GRID, "base": {"epochs": 4}, "evaluation": NOTHING}
    free = local_sweep("free", checkpoints=EVERY, **common)
    undisturbed = free.run()
    size = next(iter(undisturbed.values())).checkpoints[0].bytes
    assert total_bytes(undisturbed) > 11.5 * size
    most = 8.5 * size
    sweep = local_sweep(checkpoints=EVERY | {"max_gb": most / 1e9}, **common)
    trials = sweep.run()
    files = {path.relative_to(sweep.folder).as_posix(): path for path in sweep.folder.rglob("*.pt")}
    assert {ref.path for trial in trials.values() for ref in trial.checkpoints} == set(files)
    assert most - size < sum(path.stat().st_size for path in files.values()) <= most
    for key, trial in trials.items():
        epochs = {ref.epoch for ref in trial.checkpoints}
        losses = {epoch.epoch: epoch.metrics["val/loss"] for epoch in trial.epochs}
        assert {4, min(losses, key=lambda epoch: losses[epoch])} <= epochs
        assert losses == {e.epoch: e.metrics["val/loss"] for e in undisturbed[key].epochs}
    assert sweep.warnings == []


def test_within_its_budget_no_trial_is_looked_at(
    local_sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a checkpoint at every epoch, and there are thousands of trials."""

    def looks(*_: object) -> list[Any]:
        pytest.fail("all trials are looked at")

    monkeypatch.setattr("orchestration.engine.retention.superfluous", looks)
    sweep = local_sweep(grid=GRID, checkpoints=EVERY | {"max_gb": 1}, evaluation=NOTHING)
    assert [trial.state for trial in sweep.run().values()] == ["finished"] * 3


def test_what_all_checkpoints_take_is_kept_up(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(grid=GRID, checkpoints=EVERY | {"max_gb": 1e-9}, evaluation=NOTHING)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    InProcessEngine(sweep.worker()).work(queue, sweep.results(ledger, queue))
    taken = total_bytes(ledger.trials)
    assert taken > 0
    assert ledger.checkpoint_files.total_bytes == taken
    assert Ledger.open(sweep.folder).checkpoint_files.total_bytes == taken
    key = sweep.keys[0]
    ledger.change(key, lambda trial: setattr(trial, "checkpoints", []))
    assert ledger.checkpoint_files.total_bytes == total_bytes(ledger.trials) < taken


def test_a_budget_too_small_for_what_has_to_stay_is_said_once(
    local_sweep: Callable[..., Any],
) -> None:
    sweep = local_sweep(grid=GRID, checkpoints=EVERY | {"max_gb": 1e-9}, evaluation=NOTHING)
    trials = sweep.run()
    assert [trial.state for trial in trials.values()] == ["finished"] * 3
    for trial in trials.values():
        assert 1 <= len(trial.checkpoints) <= 2
        assert trial.checkpoints[-1].epoch == 3
    [warning] = sweep.warnings
    assert "checkpoints.max_gb (1e-09)" in warning
    advised = float(warning.partition("set it to ")[2].split()[0])
    enough = EVERY | {"max_gb": advised}
    again = local_sweep("again", grid=GRID, checkpoints=enough, evaluation=NOTHING)
    again.run()
    assert again.warnings == []


def test_a_kill_between_ledger_and_file_leaves_a_file_that_the_next_start_removes(
    local_sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = local_sweep(grid=GRID, checkpoints=EVERY | {"max_gb": 1e-9}, evaluation=NOTHING)

    class Killed(BaseException):
        pass

    def killed(path: Any) -> None:
        named = {r.path for t in Ledger.open(sweep.folder).trials.values() for r in t.checkpoints}
        assert path.exists()
        assert path.relative_to(sweep.folder).as_posix() not in named
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(store, "remove", killed)
        sweep.run()
    sweep.run()
    refs = [r for t in Ledger.open(sweep.folder).trials.values() for r in t.checkpoints]
    assert {sweep.folder / ref.path for ref in refs} == set(sweep.folder.rglob("*.pt"))


def test_without_a_budget_nothing_goes(
    local_sweep: Callable[..., Any], load: Callable[..., SweepSpec]
) -> None:
    sweep = local_sweep(checkpoints=EVERY)
    sweep.run()
    ledger = Ledger.open(sweep.folder)
    Retention(load("name: a"), pytest.fail).make_room(ledger)
    assert [len(trial.checkpoints) for trial in ledger.trials.values()] == [3]


def test_a_figure_to_be_set_is_never_below_what_is_needed() -> None:
    figures = {1.01: 1.1, 12.3: 13, 123.4: 130, 1.2: 1.2, 99.5: 100, 0.000123: 0.00013}
    for value, rounded in figures.items():
        assert rounded_up(value) == pytest.approx(rounded)
        assert rounded_up(value) >= value
