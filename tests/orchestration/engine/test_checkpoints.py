"""A disk budget: the last and the best of each trial stay, the oldest others go first."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from orchestration import store
from orchestration.engine.checkpoints import (
    Criterion,
    Retention,
    best_of,
    criterion_of,
    rounded_up,
    superfluous,
    total_bytes,
)
from orchestration.ledger.documents import CheckpointRef, Epoch, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.sweep import SweepSpec

LOSS = Criterion("val/loss", -1)
PROBE = Criterion("val/probe_accuracy", 1)


def made_up(
    key: str,
    kept: dict[int, int],
    losses: dict[int, float] | None = None,
    *,
    began: float = 0.0,
    **metrics: dict[int, float],
) -> Trial:
    """A trial with checkpoints (epoch to bytes); its epochs end a second after one another."""
    values = {"val/loss": losses or dict.fromkeys(kept, 1.0)}
    values |= {f"val/{name}": series for name, series in metrics.items()}
    epochs = [
        Epoch(
            epoch=epoch,
            metrics={n: series[epoch] for n, series in values.items() if epoch in series},
            images_per_s=1.0,
            epoch_s=1.0,
            at=began + epoch,
        )
        for epoch in range(1, max(kept, default=0) + 1)
    ]
    refs = [
        CheckpointRef(
            epoch=epoch, path=f"checkpoints/{key}/a001-e{epoch:05d}.pt", sha256="0", bytes=n
        )
        for epoch, n in kept.items()
    ]
    config = {"selection": {"metric": "val/loss"}}
    return Trial(key=key, config=config, epochs=epochs, checkpoints=refs)


def going(trials: list[Trial], allowed: int, every: int | None = 1) -> list[tuple[str, int]]:
    found = superfluous({trial.key: trial for trial in trials}, allowed, every, LOSS)
    return [(key, ref.epoch) for key, ref in found]


def test_the_oldest_of_any_trial_go_first_and_no_more_than_needed() -> None:
    first = made_up("a", {1: 10, 2: 10, 3: 10}, {1: 3, 2: 2, 3: 1}, began=100)
    second = made_up("b", {1: 10, 2: 10, 3: 10}, {1: 3, 2: 2, 3: 1}, began=100.5)
    assert going([second, first], 60) == []
    assert going([second, first], 59) == [("a", 1)]
    assert going([second, first], 41) == [("a", 1), ("b", 1)]
    assert going([second, first], 20) == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert going([second, first], 1) == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_the_best_stays_however_old_it_is() -> None:
    trial = made_up("a", {1: 10, 2: 10, 3: 10}, {1: 0.1, 2: 2, 3: 1})
    assert going([trial], 1) == [("a", 2)]


def test_what_is_there_in_case_the_last_is_damaged_goes_before_what_was_asked_for() -> None:
    old = made_up("a", {2: 10, 4: 10, 6: 10}, {2: 1, 4: 1, 6: 0.5}, began=0)
    running = made_up(
        "b", {2: 10, 4: 10, 5: 10, 6: 10, 7: 10}, {n: 1 / n for n in range(1, 8)}, began=90
    )
    assert going([old, running], 79, every=2) == [("b", 5)]
    assert going([old, running], 69, every=2) == [("b", 5), ("a", 2)]
    # Without every_epochs all but the last are of that kind.
    assert going([running], 1, every=None) == [("b", 2), ("b", 4), ("b", 5), ("b", 6)]


def test_a_clock_that_was_set_back_does_not_mix_up_a_trials_own_order() -> None:
    trial = made_up("a", {1: 10, 2: 10, 3: 10, 4: 10}, {n: 1 / n for n in range(1, 5)})
    for record in trial.epochs[1:]:
        record.at -= 86_400
    assert going([trial], 20) == [("a", 1), ("a", 2)]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_a_sweep_looks_like(seed: int) -> None:
    draw = random.Random(seed)
    trials = {}
    for number in range(draw.randint(1, 6)):
        epochs = sorted(draw.sample(range(1, 30), draw.randint(0, 8)))
        losses = {epoch: draw.choice([0.1, 0.2, draw.random()]) for epoch in range(1, 31)}
        sizes = {epoch: draw.randint(1, 50) for epoch in epochs}
        trials[f"t{number}"] = made_up(f"t{number}", sizes, losses, began=draw.random() * 20)
    before, every = total_bytes(trials), draw.choice([None, 1, 2, 5])
    allowed = draw.randint(0, before + 10)
    gone = superfluous(trials, allowed, every, LOSS)
    freed = sum(ref.bytes for _, ref in gone)
    names = [ref.path for _, ref in gone]
    assert len(set(names)) == len(names)
    for trial in trials.values():
        best = best_of(trial, LOSS)
        own = [ref.epoch for key, ref in gone if key == trial.key]
        if trial.checkpoints:
            assert best is not None
            assert {best.epoch, trial.checkpoints[-1].epoch}.isdisjoint(own)
    if gone:  # without the last of them it would not do
        assert before - freed + gone[-1].ref.bytes > allowed
    if before - freed > allowed:  # nothing is left that could go
        for trial in trials.values():
            left = [ref for ref in trial.checkpoints if ref.path not in names]
            assert len(left) <= 2
    groups = [bool(every and ref.epoch % every == 0) for _, ref in gone]
    assert groups == sorted(groups)
    for group in (False, True):
        ages = [
            next(e.at for e in trials[key].epochs if e.epoch == ref.epoch)
            for (key, ref), own in zip(gone, groups, strict=True)
            if own == group
        ]
        assert ages == sorted(ages)


def test_the_best_is_by_what_the_sweep_selects_by_else_by_the_trials_own_selection() -> None:
    accuracies = {1: 0.9, 2: 0.5, 3: 0.6}
    losses = {1: 3.0, 2: 1.0, 3: 2.0}
    trial = made_up("a", {1: 1, 2: 1, 3: 1}, losses, probe_accuracy=accuracies)
    assert [best_of(trial, c).epoch for c in (PROBE, LOSS, None)] == [1, 2, 2]  # type: ignore[union-attr]
    rarely = made_up("a", {2: 1, 3: 1}, losses | {1: 0.0}, probe_accuracy={1: 0.9, 3: 0.1})
    assert best_of(rarely, PROBE).epoch == 3  # type: ignore[union-attr]
    never = made_up("a", {1: 1, 2: 1, 3: 1}, losses)
    assert best_of(never, PROBE).epoch == 2  # type: ignore[union-attr]
    equal = made_up("a", {1: 1, 2: 1, 3: 1})
    assert best_of(equal, LOSS).epoch == 1  # type: ignore[union-attr]
    assert best_of(made_up("a", {}), LOSS) is None


def test_a_scheduler_s_metric_comes_before_an_objective(load: Callable[..., SweepSpec]) -> None:
    space = "search: {trials: 2, space: {beta: {log: [1e-4, 1]}}, objectives: [{metric: %s}]}\n"
    scheduler = "scheduler: {name: asha, metric: %s}\n"
    loss, accuracy = "val/reconstruction", "val/probe_accuracy"
    assert criterion_of(load("name: a")) is None
    assert criterion_of(load("name: a\n" + space % loss)) == Criterion(loss, -1)
    assert criterion_of(load("name: a\n" + space % accuracy)) == Criterion(accuracy, 1)
    both = load("name: a\n" + space % loss + scheduler % accuracy)
    assert criterion_of(both) == Criterion(accuracy, 1)
    grid = load("name: a\n" + scheduler % loss)
    assert criterion_of(grid) == Criterion(loss, -1)


GRID = {"beta": [1e-3, 1e-2, 1e-1]}
EVERY = {"min_interval_s": 0, "every_epochs": 1}


def test_a_real_sweep_keeps_to_its_budget(local_sweep: Callable[..., Any]) -> None:
    free = local_sweep("free", grid=GRID, base={"epochs": 4}, checkpoints=EVERY)
    undisturbed = free.run()
    size = next(iter(undisturbed.values())).checkpoints[0].bytes
    assert total_bytes(undisturbed) > 11.5 * size
    most = 8.5 * size
    sweep = local_sweep(grid=GRID, base={"epochs": 4}, checkpoints=EVERY | {"max_gb": most / 1e9})
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


def test_a_budget_too_small_for_what_has_to_stay_is_said_once(
    local_sweep: Callable[..., Any],
) -> None:
    sweep = local_sweep(grid=GRID, checkpoints=EVERY | {"max_gb": 1e-9})
    trials = sweep.run()
    assert [trial.state for trial in trials.values()] == ["finished"] * 3
    for trial in trials.values():
        assert 1 <= len(trial.checkpoints) <= 2
        assert trial.checkpoints[-1].epoch == 3
    [warning] = sweep.warnings
    assert "checkpoints.max_gb (1e-09)" in warning
    advised = float(warning.partition("set it to ")[2].split()[0])
    again = local_sweep("again", grid=GRID, checkpoints=EVERY | {"max_gb": advised})
    again.run()
    assert again.warnings == []


def test_a_kill_between_ledger_and_file_leaves_a_file_that_the_next_start_removes(
    local_sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = local_sweep(grid=GRID, checkpoints=EVERY | {"max_gb": 1e-9})

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
