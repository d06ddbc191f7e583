"""What runs next: evaluations first, then raw pixels, then the plan's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestration.engine.jobs import EvaluateJob, TrainJob, TrialJob
from orchestration.engine.queue import Queue
from orchestration.ledger.documents import CheckpointRef, Trial
from orchestration.ledger.ledger import Ledger

LocalSweep = Callable[..., Any]
GRID = {"beta": [0.1, 0.2]}


def finish(ledger: Ledger, queue: Queue, job: TrialJob) -> None:
    ledger.change(job.key, lambda t: setattr(t, "state", "finished"))
    queue.ended(job)


def take(queue: Queue) -> Any:
    job = queue.next()
    assert job is not None
    queue.begun(job)
    return job


def checkpoint(epoch: int) -> CheckpointRef:
    return CheckpointRef(epoch=epoch, path=f"checkpoints/e{epoch}.pt", sha256="0", bytes=1)


def test_trials_in_order_and_evaluations_first(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=GRID)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    assert Ledger.open(sweep.folder).trials.keys() == set(sweep.keys)
    first = take(queue)
    assert (type(first), first.key, first.attempt) == (TrainJob, sweep.keys[0], 1)
    assert ledger.trials[first.key].state == "running"
    finish(ledger, queue, first)
    second = take(queue)
    assert (type(second), second.key, second.part) == (EvaluateJob, sweep.keys[0], "probe")
    third = take(queue)
    assert (type(third), third.key) == (TrainJob, sweep.keys[1])
    assert queue.under_way == [second, third]
    assert queue.next() is None
    assert not queue.done


def test_raw_pixels_come_first_but_for_those_that_have_begun(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=GRID, baselines=["pca", "pixels"])
    ledger = sweep.open()
    first, second, pca, pixels = sweep.keys
    queue = sweep.queue(ledger)
    assert [take(queue).key, take(queue).key] == [pixels, first]
    for key in (pixels, first):
        ledger.change(key, lambda trial: setattr(trial, "state", "pending"))
    ledger.change(pixels, lambda trial: trial.attempts.clear())
    again = sweep.queue(ledger)
    assert [take(again).key for _ in sweep.keys] == [first, pixels, second, pca]
    for key in sweep.keys:
        ledger.change(key, lambda trial: setattr(trial, "state", "finished"))
    assert take(sweep.queue(ledger)).key == pixels, "of evaluations too"


def test_a_trained_trial_is_evaluated_and_not_trained(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=GRID)
    ledger = sweep.open()
    for key, state in zip(sweep.keys, ("finished", "failed"), strict=True):
        ledger.save(Trial(key=key, config=sweep.plan.trials[key].to_settings(), state=state))
    queue = sweep.queue(ledger)
    job = queue.next()
    assert (type(job), job.key) == (EvaluateJob, sweep.keys[0])
    assert queue.next() is None


def test_no_evaluation_where_none_is_asked_for(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(evaluation={"probe": False})
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    finish(ledger, queue, take(queue))
    assert queue.done


def test_a_closed_queue_hands_out_nothing_more(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=GRID)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    job = take(queue)
    queue.closed = True
    assert queue.next() is None
    assert not queue.done
    queue.ended(job)
    assert queue.done


def test_the_newest_checkpoint_comes_first(local_sweep: LocalSweep) -> None:
    sweep = local_sweep()
    ledger = sweep.open()
    config = sweep.plan.trials[sweep.keys[0]].to_settings()
    refs = [checkpoint(1), checkpoint(3), checkpoint(2)]
    ledger.save(Trial(key=sweep.keys[0], config=config, checkpoints=refs))
    queue = sweep.queue(ledger)
    job = take(queue)
    assert [ref["epoch"] for ref in job.checkpoints] == [3, 2, 1]
    assert ledger.trials[job.key].attempts[-1].from_epoch == 3
