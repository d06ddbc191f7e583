"""Which checkpoints stay: at an epoch's end, after an evaluation, on a full budget, on disk."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from orchestration.ledger.checkpoints import (
    Criterion,
    best_of,
    criterion_of,
    epochs_kept,
    kept,
    needed,
    newest,
    number_kept,
    superfluous,
    total_bytes,
    usable,
    without_spares,
)
from orchestration.ledger.documents import CheckpointRef, Epoch, Trial
from orchestration.ledger.paths import checkpoint_path
from orchestration.spec.sweep import Checkpoints, SweepSpec


def ref(epoch: int, attempt: int = 1, *, spare: bool = False) -> CheckpointRef:
    path = checkpoint_path("a", attempt, epoch)
    return CheckpointRef(epoch=epoch, path=path, sha256="0", bytes=1, spare=spare)


@pytest.mark.parametrize(
    ("rule", "epochs", "staying", "spare"),
    [
        ({}, 1, [1], None),
        ({}, 2, [2], 1),
        ({}, 7, [7], 6),
        ({"every_epochs": 1}, 3, [1, 2, 3], None),
        ({"every_epochs": 2}, 1, [1], None),
        ({"every_epochs": 2}, 2, [2], 1),
        ({"every_epochs": 2}, 3, [2, 3], None),
        ({"every_epochs": 2}, 7, [2, 4, 6, 7], None),
        ({"every_epochs": 5}, 7, [5, 7], 6),
        ({"every_epochs": 7, "keep": 1}, 7, [7], 6),
        ({"every_epochs": 8, "keep": 1}, 7, [7], 6),
        ({"every_epochs": 2, "keep": 2}, 7, [4, 6, 7], None),
        ({"every_epochs": 2, "keep": 2}, 8, [6, 8], 7),
        ({"every_epochs": 1, "keep": 2}, 7, [6, 7], None),
        ({"every_epochs": 1, "keep": 1}, 7, [7], 6),
        ({"every_epochs": 1, "keep": 99}, 3, [1, 2, 3], None),
        ({"keep": 3}, 7, [7], 6),
    ],
)
def test_what_stays_of_a_trial_with_a_checkpoint_of_every_epoch(
    rule: dict[str, int], epochs: int, staying: list[int], spare: int | None
) -> None:
    checkpoints = Checkpoints.model_validate(rule)
    refs: list[CheckpointRef] = []
    for epoch in range(1, epochs + 1):
        refs = kept(refs, ref(epoch), checkpoints)
    assert [each.epoch for each in without_spares(refs)] == staying
    assert [each.epoch for each in refs if each.spare] == ([] if spare is None else [spare])
    assert [each.epoch for each in refs] == sorted(each.epoch for each in refs)
    assert epochs_kept(range(epochs, 0, -1), checkpoints) == staying
    assert number_kept(epochs, checkpoints) == len(staying)


def test_so_many_stay_of_a_long_training() -> None:
    assert number_kept(700, Checkpoints(every_epochs=10, keep="all")) == 70
    assert number_kept(705, Checkpoints(every_epochs=10, keep="all")) == 71
    assert number_kept(700, Checkpoints(every_epochs=10, keep=3)) == 3
    assert number_kept(10**12, Checkpoints(every_epochs=1)) == 10**12, "which are not listed"


def test_a_checkpoint_that_becomes_wanted_is_spare_no_more() -> None:
    """The sweep went on with another ``every_epochs``."""
    before = [ref(2, spare=True), ref(3)]
    after = kept(before, ref(5), Checkpoints(every_epochs=2))
    assert [(each.epoch, each.spare) for each in after] == [(2, False), (3, True), (5, False)]
    assert before[0].spare, "what is handed in is left as it is"


def test_an_epoch_that_was_trained_again_replaces_what_was_there() -> None:
    before = [ref(1), ref(2), ref(3)]
    again = ref(2, attempt=2)
    assert kept(before, again, Checkpoints(every_epochs=1)) == [ref(1), again]


@pytest.mark.parametrize(
    ("from_epoch", "left"),
    [
        (3, [(1, 1), (2, 1), (3, 1), (3, 2)]),
        (2, [(1, 1), (2, 1), (3, 2)]),
        (0, [(3, 2)]),
    ],
)
def test_what_an_attempt_could_not_begin_from_goes(
    from_epoch: int, left: list[tuple[int, int]]
) -> None:
    refs = [ref(1), ref(2), ref(3), ref(3, attempt=2)]
    assert usable(refs, from_epoch, 2) == [ref(*each) for each in left]


@pytest.mark.parametrize(
    ("now", "before", "epochs"),
    [
        ([], [], []),
        ([1], [], [1]),
        ([2], [1], [1, 2]),
        ([2, 3], [1, 2], [2, 3]),
        ([], [1, 2], [2]),
    ],
)
def test_each_version_of_a_document_has_a_file_to_go_on_from(
    now: list[int], before: list[int], epochs: list[int]
) -> None:
    last = newest(map(ref, before))
    paths = needed(map(ref, now), None if last is None else last.path)
    assert paths == {ref(epoch).path for epoch in epochs}


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
