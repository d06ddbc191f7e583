"""Whole sweeps in this process: interrupted, torn, diverging, and the same numbers every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from tests.orchestration.numbers import numbers

LocalSweep = Callable[..., Any]
Undisturbed = Callable[..., dict[str, Trial]]
GRID = {"model": ["vae", "cvae"]}


def test_a_sweep_from_beginning_to_end(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=GRID, evaluation={"probe": True, "probe_every": 2})
    trials = sweep.run()
    assert list(trials) == sorted(sweep.keys)
    for trial in trials.values():
        assert trial.state == "finished"
        assert [e.epoch for e in trial.epochs] == [1, 2, 3]
        assert ["val/probe_accuracy" in e.metrics for e in trial.epochs] == [False, True, True]
        assert trial.evaluations["probe"].state == "finished"
        assert {"probe/accuracy", "probe/accuracy_paper", "probe/knn_accuracy"} <= set(
            trial.metrics
        )
        (attempt,) = trial.attempts
        assert attempt.outcome == "finished"
        assert attempt.worker["threads"]["torch"] == 1
        (ref,) = trial.checkpoints
        assert (sweep.folder / ref.path).stat().st_size == ref.bytes
    # A further run finds nothing to do.
    assert {k: t.model_dump() for k, t in sweep.run().items()} == {
        k: t.model_dump() for k, t in trials.items()
    }


@pytest.mark.parametrize("interval", [0, 1000])
def test_interrupted_at_any_epoch_the_numbers_are_the_same(
    local_sweep: LocalSweep, undisturbed: Undisturbed, interval: float
) -> None:
    sweep = local_sweep("interrupted", grid=GRID, checkpoints={"min_interval_s": interval})
    for run in range(1, 4):
        trials = sweep.run(stop_after=2)
        last = trials[sweep.keys[0 if run < 2 or interval else 1]].attempts[-1]
        assert last.outcome in ("interrupted", "finished")
    trials = sweep.run()
    assert numbers(trials) == numbers(undisturbed(grid=GRID))
    starts = [a.from_epoch for t in trials.values() for a in t.attempts]
    assert any(starts) == (interval == 0)


def test_a_value_added_to_a_grid_runs_what_is_new(local_sweep: LocalSweep) -> None:
    base = {"epochs": 1}
    before = local_sweep(grid={"beta": [0.1]}, base=base).run()
    wider = local_sweep(grid={"beta": [0.2, 0.1], "model": ["vae", "cvae"]}, base=base)
    after = wider.run()
    assert len(after) == 4
    for key, trial in before.items():
        assert after[key] == trial


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing", "both"])
def test_a_torn_checkpoint_is_passed_over(
    ran: LocalSweep, undisturbed: Undisturbed, damage: str
) -> None:
    sweep = ran(checkpoints={"every_epochs": 1, "min_interval_s": 0}, stop_after=2)
    (trial,) = Ledger.open(sweep.folder).trials.values()
    assert (trial.state, trial.epoch) == ("pending", 2)
    assert [ref.epoch for ref in trial.checkpoints] == [1, 2]
    paths = [sweep.folder / ref.path for ref in trial.checkpoints]
    content = paths[1].read_bytes()
    if damage == "flipped":
        middle = len(content) // 2
        content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    paths[1].write_bytes(content if damage == "flipped" else content[:1000])
    if damage == "missing":
        paths[1].unlink()
    if damage == "both":
        paths[0].write_bytes(b"")
    trials = sweep.run()
    assert numbers(trials) == numbers(undisturbed())
    (trial,) = trials.values()
    assert trial.attempts[-1].from_epoch == (0 if damage == "both" else 1)
    assert trial.notes[0].startswith("checkpoint of epoch 2 was not used")
    assert len(trial.notes) == (2 if damage == "both" else 1)
    # Nothing that is named is missing afterwards.
    assert all((sweep.folder / ref.path).is_file() for ref in trial.checkpoints)


def test_a_checkpoint_of_another_trial_is_refused(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=GRID, checkpoints={"every_epochs": 1, "min_interval_s": 0})
    sweep.run(stop_after=3)
    ledger = Ledger.open(sweep.folder)
    vae, cvae = sweep.keys
    stolen = ledger.trials[vae].checkpoints
    ledger.change(cvae, lambda t: setattr(t, "checkpoints", stolen))
    trial = sweep.run()[cvae]
    assert trial.state == "finished"
    assert trial.attempts[-1].from_epoch == 0
    assert "another configuration" in trial.notes[0]


def test_a_diverging_trial_fails_alone(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(
        grid={"learning_rate": [1e-3, 1e30, 2e-3]}, base={"clip_norm": None, "epochs": 2}
    )
    trials = sweep.run()
    assert [trials[key].state for key in sweep.keys] == ["finished", "failed", "finished"]
    failed = trials[sweep.keys[1]]
    assert failed.error is not None
    assert failed.error.kind == "loss not finite"
    assert "epoch 1" in failed.error.message
    assert "step " in failed.error.message
    assert failed.attempts[-1].outcome == "failed"
    assert failed.evaluations == {}
    # It is not tried again by itself.
    assert len(sweep.run()[sweep.keys[1]].attempts) == 1


def test_an_error_in_an_evaluation_is_reported_with_its_traceback(
    local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[float]:
        yield 0.5
        raise KeyError("a mistake in the program")

    monkeypatch.setattr("cvae_core.evaluation.probes.part.evaluate", broken)
    (trial,) = local_sweep().run().values()
    assert trial.state == "finished"
    part = trial.evaluations["probe"]
    assert part.state == "failed"
    assert part.error is not None
    assert part.error.message == "KeyError: 'a mistake in the program'"
    assert "in broken" in part.error.traceback


def test_a_worker_is_as_good_as_new_after_a_failure(local_sweep: LocalSweep) -> None:
    """One worker, one job after another: nothing of a failed trial reaches the next."""
    alone = numbers(local_sweep("alone", grid={"beta": [0.5]}).run())
    after = local_sweep("after", grid=[{"learning_rate": [1e30]}, {"beta": [0.5]}])
    trials = after.run()
    assert [trials[k].state for k in after.keys] == ["failed", "finished"]
    assert numbers({after.keys[1]: trials[after.keys[1]]}) == alone
