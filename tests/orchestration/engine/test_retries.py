"""What is tried again by itself: how often, after how long, and how many beside it."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
import torch

from orchestration.engine import retries
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.jobs import EvaluateJob, TrainJob, TrialJob
from orchestration.engine.listener import Listener
from orchestration.engine.queue import Queue
from orchestration.engine.reports import EpochReport, ProgressReport
from orchestration.engine.retries import losses_in_a_row, nodes_lost_on, wait_s
from orchestration.engine.worker import Worker
from orchestration.ledger.documents import Attempt, CheckpointRef, Failure, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.terminal.console import Console

LocalSweep = Callable[..., Any]
GRID = {"beta": [0.1, 0.2, 0.3]}
LOST = Failure(kind="worker lost", message="killed")
MEMORY = Failure(kind="out of memory", message="MemoryError: ")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds that these tests speak of, whatever they are at work."""
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 1.0)
    monkeypatch.setattr(retries, "MOST_WAIT_S", 30.0)


def take(queue: Queue, clock: Any = None) -> Any:
    """The next job, begun; where retries wait, time passes."""
    job = queue.next()
    while job is None and clock is not None and queue.pause is not None:
        clock.sleep(queue.pause)
        job = queue.next()
    assert job is not None
    queue.begun(job)
    return job


def finish(ledger: Ledger, queue: Queue, job: TrialJob) -> None:
    ledger.change(job.key, lambda t: setattr(t, "state", "finished"))
    queue.ended(job)


def checkpoint(epoch: int) -> CheckpointRef:
    return CheckpointRef(epoch=epoch, path=f"checkpoints/e{epoch}.pt", sha256="0", bytes=1)


def test_it_waits_longer_each_time_but_not_for_ever() -> None:
    assert [wait_s(n) for n in (0, 1, 2, 3, 4, 5, 6, 50)] == [1, 1, 2, 4, 8, 16, 30, 30]


def test_a_lost_worker_is_tried_again_so_often_and_no_more(
    local_sweep: LocalSweep, clock: Any
) -> None:
    sweep = local_sweep(retries=2)
    ledger = sweep.open()
    queue = sweep.queue(ledger, clock=clock)
    for number in (1, 2, 3):
        job = take(queue, clock)
        assert job.attempt == number
        assert ledger.trials[job.key].error is None
        wait = queue.lost(job, LOST).again_s
        assert wait == {1: 1.0, 2: 2.0, 3: None}[number]
        trial = Ledger.open(sweep.folder).trials[job.key]
        attempt = trial.attempts[-1]
        assert (attempt.outcome, attempt.counted) == ("lost", True)
        assert attempt.failure is not None and attempt.failure.message == "killed"
        assert trial.error is not None
        assert (trial.error.kind, trial.error.again_s) == ("worker lost", wait)
        assert trial.state == ("failed" if number == 3 else "pending")
    assert queue.done


def test_a_retry_waits_and_others_do_not(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(grid=GRID, evaluation={"probe": False})
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=1, clock=clock)
    first = take(queue)
    queue.lost(first, LOST)
    assert queue.pause == 1.0
    second = take(queue)
    assert second.key == sweep.keys[1]
    clock.sleep(1.5)
    assert queue.next() is None, "one at a time"
    finish(ledger, queue, second)
    again = take(queue)
    assert (again.key, again.attempt) == (first.key, 2), "due, it comes before those not begun"
    queue.lost(again, LOST)
    finish(ledger, queue, take(queue))
    assert queue.next() is None
    assert not queue.done
    clock.sleep(1.9)
    assert queue.next() is None
    clock.sleep(0.2)
    finish(ledger, queue, take(queue))
    assert queue.done
    assert queue.pause is None


def test_a_closed_queue_waits_for_no_retry(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep()
    queue = sweep.queue(sweep.open(), clock=clock)
    queue.lost(take(queue), LOST)
    assert not queue.done
    queue.closed = True
    assert queue.done


@pytest.mark.parametrize(
    "section",
    [
        {"scheduler": {"name": "asha", "metric": "val/reconstruction", "grace_epochs": 1}},
        {
            "search": {
                "sampler": "random",
                "trials": 3,
                "space": {"beta": {"log": [1e-3, 1.0]}},
                "objectives": [{"metric": "val/reconstruction", "direction": "minimize"}],
            },
            "grid": {},
        },
    ],
    ids=["scheduler", "search"],
)
def test_where_the_order_matters_its_place_is_kept(
    local_sweep: LocalSweep, clock: Any, section: dict[str, Any]
) -> None:
    """What a study suggests, or a scheduler decides, is to be what it would have been."""
    sweep = local_sweep(**({"grid": GRID} | section))
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=1, clock=clock)
    first = take(queue)
    queue.lost(first, LOST)
    assert queue.next() is None
    assert take(queue, clock).key == first.key
    # Of two places one is free.
    queue = sweep.queue(sweep.open(), slots=2, clock=clock)
    first, second = take(queue), take(queue)
    queue.lost(first, LOST)
    assert queue.next() is None
    queue.lost(second, LOST)
    assert queue.next() is None
    assert {take(queue, clock).key, take(queue, clock).key} == {first.key, second.key}


def test_progress_between_two_losses_renews_the_retries(
    local_sweep: LocalSweep, clock: Any
) -> None:
    sweep = local_sweep(retries=1)
    ledger = sweep.open()
    queue = sweep.queue(ledger, clock=clock)
    for epoch in range(1, 6):
        job = take(queue, clock)
        assert queue.lost(job, LOST).again_s == 1.0
        assert ledger.trials[job.key].state == "pending"
        ledger.change(job.key, lambda t, epoch=epoch: t.checkpoints.append(checkpoint(epoch)))


def test_a_worker_lost_before_it_began_is_not_tried_for_ever(
    local_sweep: LocalSweep, clock: Any
) -> None:
    """An actor that cannot even start (no memory, no threads) is lost before its job begins."""
    sweep = local_sweep(retries=2)
    ledger = sweep.open()
    queue = sweep.queue(ledger, clock=clock)
    results = sweep.results(ledger, queue)
    tries = 0
    while not queue.done and tries < 20:
        job = queue.next()
        if job is None:
            clock.sleep(queue.pause)
            continue
        tries += 1
        results.lost(job, LOST)
    assert tries == 3
    trial = ledger.trials[sweep.keys[0]]
    assert trial.state == "failed"
    assert [attempt.outcome for attempt in trial.attempts] == ["lost"] * 3


def test_a_worker_that_cannot_begin_fails_its_trial(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=GRID)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    job = queue.next()
    sweep.results(ledger, queue).lost(job, Failure(kind="error", message="KeyError", traceback="T"))
    trial = Ledger.open(sweep.folder).trials[job.key]
    assert (trial.state, trial.attempts[0].outcome) == ("failed", "failed")
    assert trial.error is not None and trial.error.log == f"logs/{job.key}-a1.txt"
    assert queue.under_way == []
    assert take(queue).key == sweep.keys[1]


def test_a_lost_evaluation_fails_alone(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(retries=1)
    ledger = sweep.open()
    queue = sweep.queue(ledger, clock=clock)
    finish(ledger, queue, take(queue))
    for _ in range(2):
        job = take(queue, clock)
        assert isinstance(job, EvaluateJob)
        queue.lost(job, LOST)
    assert queue.done
    trial = Ledger.open(sweep.folder).trials[sweep.keys[0]]
    assert trial.state == "finished"
    assert trial.evaluations["probe"].state == "failed"
    assert trial.evaluations["probe"].error is not None


def test_what_ray_did_does_not_count(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(grid=GRID, retries=1)
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=2, clock=clock)
    heard: list[Failure] = []

    class Hearing(Listener):
        def failed(self, job: TrialJob, failure: Failure, trial: Trial) -> None:
            heard.append(failure)

    results = sweep.results(ledger, queue, Hearing())
    for number in range(1, 5):
        job = take(queue)
        assert (job.key, job.attempt) == (sweep.keys[0], number)
        results.lost(job, LOST, counted=False)
        assert heard[-1].again_s == 0.0
    trial = Ledger.open(sweep.folder).trials[job.key]
    assert trial.state == "pending"
    assert [(a.outcome, a.counted) for a in trial.attempts] == [("lost", False)] * 4
    results.lost(queue.next(), LOST, counted=False)
    assert len(trial.attempts) == 4, "nothing was begun"
    # Its own retries are all there, also in a command that continues.
    queue = sweep.queue(sweep.open(), clock=clock)
    job = take(queue)
    assert (job.key, job.attempt) == (sweep.keys[0], 5)
    assert queue.lost(job, LOST).again_s == 1.0


def test_a_dead_driver_does_not_count(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(retries=1)
    for _ in range(3):
        take(sweep.queue(sweep.open()))
    ledger = sweep.open()
    queue = sweep.queue(ledger, clock=clock)
    assert queue.lost(take(queue), LOST).again_s == 1.0
    assert queue.lost(take(queue, clock), LOST).again_s is None


def test_a_driver_that_died_says_nothing_of_a_node() -> None:
    trial = Trial(key="a", config={})
    for failure in (None, LOST, LOST, None):
        attempt = Attempt(number=len(trial.attempts) + 1, from_epoch=0, began=0.0, outcome="lost")
        attempt.failure, attempt.worker = failure, {"node": "n"}
        trial.attempts.append(attempt)
    assert nodes_lost_on(trial) == []
    trial.attempts.pop()
    assert nodes_lost_on(trial) == ["n", "n"]


def test_losses_are_counted_from_the_last_epoch_got() -> None:
    def losses(*attempts: tuple[int, str | None, bool]) -> int:
        told = [
            Attempt(number=n, from_epoch=start, began=0.0, outcome=outcome, counted=counted)  # type: ignore[arg-type]
            for n, (start, outcome, counted) in enumerate(attempts, start=1)
        ]
        return losses_in_a_row(Trial(key="k", config={}, attempts=told))

    assert losses() == 0
    assert losses((0, None, True)) == 1
    assert losses((0, "lost", True), (0, "lost", False), (0, None, True)) == 2
    assert losses((0, "lost", True), (2, "lost", True), (2, None, True)) == 2
    assert losses((0, "lost", True), (0, "interrupted", True), (0, None, True)) == 1
    assert losses((0, "lost", True), (0, "lost", False)) == 1


def test_an_attempt_that_saved_something_before_it_was_lost_is_the_first_to_be_lost() -> None:
    attempts = [Attempt(number=n, from_epoch=0, began=0.0, outcome="lost") for n in (1, 2, 3)]
    trial = Trial(key="k", config={}, attempts=attempts)
    assert losses_in_a_row(trial) == 3
    ref = CheckpointRef(epoch=99, path="checkpoints/k/a003-e00099.pt", sha256="0", bytes=1)
    trial.checkpoints = [ref]
    assert losses_in_a_row(trial) == 1
    trial.attempts.append(Attempt(number=4, from_epoch=99, began=0.0))
    assert losses_in_a_row(trial) == 1
    trial.attempts.append(Attempt(number=5, from_epoch=99, began=0.0))
    trial.attempts[-2].outcome = "lost"
    assert losses_in_a_row(trial) == 2, "without one epoch of progress"
    # The newest one turned out to be damaged, and an older one was gone on from.
    trial.attempts.append(Attempt(number=6, from_epoch=0, began=0.0))
    assert losses_in_a_row(trial) >= 1


def test_without_memory_fewer_run_at_once(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(grid={"beta": [0.1, 0.2, 0.3, 0.4]}, retries=1)
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=3, clock=clock)
    jobs = [take(queue) for _ in range(3)]
    assert queue.next() is None
    failure = queue.lost(jobs[0], MEMORY)
    assert (failure.at_once, queue.at_once, failure.again_s) == (2, 2, 1.0)
    attempt = Ledger.open(sweep.folder).trials[jobs[0].key].attempts[-1]
    assert attempt.failure is not None
    assert (attempt.failure.kind, attempt.failure.at_once) == ("out of memory", 2)
    assert not attempt.counted, "the others had their part in it"
    clock.sleep(2)
    assert queue.next() is None, "two are under way"
    finish(ledger, queue, jobs[1])
    assert queue.lost(jobs[2], MEMORY).at_once is None, "alone, fewer would not help"
    assert queue.at_once == 2
    clock.sleep(2)
    pair = [take(queue), take(queue)]
    assert queue.lost(pair[0], MEMORY).at_once == 1
    assert queue.lost(pair[1], MEMORY).at_once is None
    assert queue.at_once == 1


def test_as_many_run_at_once_as_there_are_slots_now(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(grid={"beta": [0.1, 0.2, 0.3, 0.4]})
    queue = sweep.queue(sweep.open(), slots=1, clock=clock)
    first = take(queue)
    assert queue.next() is None
    queue.slots_are(3)
    second = take(queue)
    assert queue.lost(second, MEMORY).at_once == 1
    queue.slots_are(4)
    assert (queue.at_once, queue.next()) == (1, None), "memory is as short as it was"
    queue.slots_are(0)
    finish(sweep.open(), queue, first)
    assert (queue.next(), queue.done) == (None, False)
    queue.slots_are(1)
    assert take(queue) is not None


def test_never_below_one(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(grid=GRID)
    queue = sweep.queue(sweep.open(), slots=3, clock=clock)
    jobs = [take(queue) for _ in range(3)]
    assert [queue.lost(job, MEMORY).at_once for job in jobs] == [2, 1, None]
    assert queue.at_once == 1
    assert take(queue, clock) is not None
    clock.sleep(60)
    assert queue.next() is None


def test_alone_and_still_without_memory_it_fails(local_sweep: LocalSweep, clock: Any) -> None:
    sweep = local_sweep(grid=GRID, retries=1)
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=2, clock=clock)
    board = Board(ledger, 2, sweep.spec.evaluation)
    out = StringIO()
    results = sweep.results(ledger, queue, PlainView(Console(out), board))
    first, second = take(queue), take(queue)
    results.lost(first, MEMORY)
    assert board.slots == 1
    assert (
        "it is tried again in 1 s from the beginning (attempt 2 of 3); "
        "from now on 1 trial at a time" in out.getvalue()
    )
    finish(ledger, queue, second)
    tried = 1
    while ledger.trials[first.key].state == "pending":
        job = take(queue, clock)
        if job.key == first.key and isinstance(job, TrainJob):
            results.lost(job, MEMORY)
            tried += 1
        else:
            finish(ledger, queue, job)
    assert tried == 3, "the first time it was not alone"
    text = out.getvalue()
    assert "failed: out of memory: MemoryError: " in text
    assert "lower batch_size (now 64) in the sweep file" in text
    assert "--max-concurrent 1" in text
    assert "a machine with more memory" in text


def test_no_retries_are_none(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(grid=GRID, retries=0)
    ledger = sweep.open()
    queue = sweep.queue(ledger, slots=2)
    jobs = [take(queue), take(queue)]
    assert queue.lost(jobs[0], MEMORY).again_s is None
    assert queue.lost(jobs[1], LOST).again_s is None
    assert {ledger.trials[job.key].state for job in jobs} == {"failed"}


class Starved(Worker):
    """A worker that has no memory left at some of its steps."""

    fail_at: frozenset[int] = frozenset()
    error: Exception = MemoryError("no more")
    steps = 0

    def _train(self, job: TrainJob) -> EpochReport | ProgressReport:
        Starved.steps += 1
        if Starved.steps in self.fail_at:
            raise self.error
        return super()._train(job)


def test_in_this_process_retries_are_waited_for(
    local_sweep: LocalSweep, small: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = local_sweep("whole").run()
    sweep = local_sweep("starved")
    ledger = sweep.open()
    queue = sweep.queue(ledger, clock=clock)
    monkeypatch.setattr(Starved, "fail_at", frozenset({2, 3}))
    monkeypatch.setattr(Starved, "steps", 0)
    worker = Starved({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker, clock.sleep).work(queue, sweep.results(ledger, queue))
    assert clock.now == 1002.0, "an epoch was got in between: one second and one"
    (trial,) = Ledger.open(sweep.folder).trials.values()
    assert (trial.state, trial.error) == ("finished", None)
    assert [(a.outcome, a.from_epoch) for a in trial.attempts] == [
        ("lost", 0),
        ("lost", 1),
        ("finished", 1),
    ]
    failure = trial.attempts[0].failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("out of memory", "MemoryError: no more")
    assert "in _train" in (sweep.folder / str(failure.log)).read_text()
    assert trial.attempts[1].worker["pid"] > 0
    (same,) = undisturbed.values()
    assert [e.metrics for e in trial.epochs] == [e.metrics for e in same.epochs]


def test_closed_meanwhile_it_waits_no_longer(
    local_sweep: LocalSweep, small: Any, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = local_sweep()
    ledger = sweep.open()
    queue = sweep.queue(ledger, clock=clock)
    monkeypatch.setattr(Starved, "fail_at", frozenset({1}))
    monkeypatch.setattr(Starved, "steps", 0)

    def close(seconds: float) -> None:
        queue.closed = True

    worker = Starved({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker, close).work(queue, sweep.results(ledger, queue))
    assert Ledger.open(sweep.folder).trials[sweep.keys[0]].state == "pending"


@pytest.mark.parametrize("error", [KeyError("x"), OSError(5, "Input/output error")])
def test_a_mistake_is_not_tried_again(
    local_sweep: LocalSweep, small: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sweep = local_sweep(grid={"beta": [0.1, 0.2]}, evaluation={"probe": False})
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    monkeypatch.setattr(Starved, "fail_at", frozenset({2}))
    monkeypatch.setattr(Starved, "steps", 0)
    monkeypatch.setattr(Starved, "error", error)
    worker = Starved({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker).work(queue, sweep.results(ledger, queue))
    trials = Ledger.open(sweep.folder).trials
    failed, other = (trials[key] for key in sweep.keys)
    assert (failed.state, len(failed.attempts), failed.attempts[0].outcome) == (
        "failed",
        1,
        "failed",
    )
    assert failed.error is not None
    assert (failed.error.kind, failed.error.again_s) == ("error", None)
    assert other.state == "finished"


def test_a_model_that_no_memory_holds_fails_at_once(local_sweep: LocalSweep) -> None:
    """Neither is it tried again, nor do fewer run at once because of it."""
    sweep = local_sweep(grid={"architecture.latent_dim": [10**12, 4]}, evaluation={"probe": False})
    sweep.run()
    failed, other = (Ledger.open(sweep.folder).trials[key] for key in sweep.keys)
    assert (failed.state, len(failed.attempts), other.state) == ("failed", 1, "finished")
    assert failed.error is not None
    assert (failed.error.kind, failed.error.again_s, failed.error.at_once, failed.error.log) == (
        "too large",
        None,
        None,
        None,
    )
    assert "need at least 18.8 PB of memory in training" in failed.error.message


@pytest.mark.parametrize("beyond", [True, False])
def test_one_request_for_more_than_there_is_fails_at_once(
    local_sweep: LocalSweep, small: Any, clock: Any, monkeypatch: pytest.MonkeyPatch, beyond: bool
) -> None:
    """What PyTorch really says: of so much that no machine has it, and of less than there is."""
    sweep = local_sweep(retries=1, evaluation={"probe": False})
    ledger = sweep.open()
    queue = sweep.queue(ledger, clock=clock)
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58, dtype=torch.uint8)
    said = str(caught.value)
    error = RuntimeError(said if beyond else said.replace(str(2**58), "1000"))
    monkeypatch.setattr(Starved, "fail_at", frozenset({1}))
    monkeypatch.setattr(Starved, "steps", 0)
    monkeypatch.setattr(Starved, "error", error)
    worker = Starved({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker, clock.sleep).work(queue, sweep.results(ledger, queue))
    (trial,) = Ledger.open(sweep.folder).trials.values()
    assert trial.state == ("failed" if beyond else "finished")
    assert len(trial.attempts) == (1 if beyond else 2)
    if beyond:
        assert trial.error is not None
        assert trial.error.kind == "too large"
        assert "asks for 288.2 PB of memory at once" in trial.error.message
