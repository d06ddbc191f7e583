"""Rows and times left, against sums by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.job_records import note_worker
from orchestration.engine.jobs import EvaluateJob, PackJob, TrainJob, TrialJob
from orchestration.engine.listener import Listener
from orchestration.engine.reports import EpochReport, EvaluationReport, ProgressReport
from orchestration.engine.worker import Worker
from orchestration.ledger.documents import Epoch, Evaluated, Failure, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.evaluation import Evaluation
from orchestration.status.live.board import Board


def test_states_and_numbers_of_a_whole_sweep(local_sweep: Callable[..., Any], small: Any) -> None:
    sweep = local_sweep(base={"epochs": 2}, evaluation={"probe_every": 2})
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    board = Board(ledger, 1, sweep.spec.evaluation)
    seen = []

    class Watching(Listener):
        def started(self, job: TrialJob, trial: Trial) -> None:
            seen.append(board.started(job, trial))

        def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
            seen.append(board.epoch_ended(report, trial))

        def evaluated(self, job: EvaluateJob, report: EvaluationReport, trial: Trial) -> None:
            seen.append(board.evaluated(job, report, trial))

    worker = Worker({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker).work(queue, sweep.results(ledger, queue, Watching()))
    assert [(row.state, row.epoch) for row in seen] == [
        ("starting", 0),
        ("training", 1),
        ("trained", 2),
        ("evaluating", 2),
        ("finished", 2),
    ]
    trial = ledger.trials[sweep.keys[0]]
    assert seen[0].loss is None
    assert seen[1].probe is None
    assert seen[1].loss == trial.epochs[0].metrics["train/loss"]
    assert seen[-1].probe == trial.epochs[1].metrics["val/probe_accuracy"]
    assert seen[-1].epoch_s == pytest.approx(sum(e.epoch_s for e in trial.epochs) / 2)
    assert board.counts() == (1, 0, 0, 1)


def board_of(
    local_sweep: Callable[..., Any], slots: int, **sections: Any
) -> tuple[Any, Ledger, Any]:
    sweep = local_sweep(**sections)
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    return Board(ledger, slots, sweep.spec.evaluation), ledger, queue


def epoch(board: Board, ledger: Ledger, job: TrainJob, number: int, seconds: float) -> None:
    record = {"epoch": number, "metrics": {"train/loss": 0.5, "val/loss": 0.5}, "epoch_s": seconds}
    record |= {"images_per_s": 1.0, "at": 0.0}

    def enter(trial: Trial) -> None:
        trial.epochs = [*trial.epochs, type(trial).model_validate(
            {"key": "k", "config": {}, "epochs": [record]}).epochs[0]]  # fmt: skip

    trial = ledger.change(job.key, enter)
    board.epoch_ended(EpochReport(final=False, epoch=record), trial)


def test_time_left(local_sweep: Callable[..., Any]) -> None:
    grid = {"model": ["vae", "cvae"], "beta": [1.0, 2.0]}
    board, ledger, queue = board_of(local_sweep, 2, grid=grid, base={"epochs": 10})
    now = time.monotonic()
    assert board.sweep_left(now) is None, "nothing is known yet"
    jobs = [queue.next() for _ in range(3)]
    for job in jobs:
        queue.begun(job)
    for number, seconds in enumerate((2.0, 4.0), start=1):
        epoch(board, ledger, jobs[0], number, seconds)
    rows = board.rows
    at = rows[jobs[0].key].at
    assert board.trial_left(rows[jobs[0].key], at) == pytest.approx(8 * 3.0)
    assert board.trial_left(rows[jobs[0].key], at + 1) == pytest.approx(8 * 3.0 - 1)
    assert board.trial_left(rows[jobs[0].key], at + 99) == pytest.approx(8 * 3.0 - 3)
    # Trials of which nothing is known cost what their model's, else all, have cost.
    assert board.sweep_left(at) == pytest.approx((24 + 3 * 30) / 2)
    epoch(board, ledger, jobs[2], 1, 10.0)
    assert jobs[2].config["model"] == "cvae"
    at = rows[jobs[2].key].at
    left = board.sweep_left(at)
    assert left == pytest.approx((24 + 30 + 90 + 100) / 2, abs=0.5)
    assert Board(ledger, 100, Evaluation()).sweep_left(at) == pytest.approx(100), (
        "the longest trial's time"
    )


def test_a_run_that_was_slow_is_soon_forgotten(local_sweep: Callable[..., Any]) -> None:
    grid = {"beta": [1.0, 2.0, 3.0]}
    board, ledger, queue = board_of(local_sweep, 1, grid=grid, base={"epochs": 10})
    job = queue.next()
    queue.begun(job)
    for number in range(1, 6):
        epoch(board, ledger, job, number, 100.0)
    board = Board(ledger, 1, Evaluation())
    assert board.sweep_left(0.0) == pytest.approx((5 + 10 + 10) * 100)
    for number in range(6, 10):
        epoch(board, ledger, job, number, 1.0)
    at = board.rows[job.key].at
    assert board.trial_left(board.rows[job.key], at) == pytest.approx(1.0)
    assert board.sweep_left(at) == pytest.approx(1 + 20 * (100 + 4) / 5)


def test_trials_that_are_trained_alone_share_no_slot(local_sweep: Callable[..., Any]) -> None:
    """Of a sweep with packs those of batch norm are in none."""
    resources = {"gpu": 1, "pack": 8}
    norms = {"architecture.norm": ["none", "batch"]}
    _, ledger, queue = board_of(local_sweep, 1, grid=norms, base={"epochs": 9}, resources=resources)
    board = Board(ledger, 1, Evaluation(), pack=8)
    packed, alone = sorted(board.rows.values(), key=lambda row: not row.packed)
    assert (packed.packed, alone.packed) == (True, False)
    job = queue.next()
    queue.begun(job)
    for each in job.jobs if isinstance(job, PackJob) else [job]:
        epoch(board, ledger, each, 1, 8.0)
    at = max(row.at for row in board.rows.values())
    assert board.sweep_left(at) == pytest.approx(8 * 8 / 8 + 9 * 8, abs=0.5)


def test_a_row_says_where_it_is_and_the_board_what_was_lost_there(
    local_sweep: Callable[..., Any],
) -> None:
    board, ledger, queue = board_of(local_sweep, 2, retries=1)
    job = queue.next()
    queue.begun(job)
    assert board.started(job, ledger.trials[job.key]).node == ""
    note_worker(ledger, job, {"node": "host1"})
    row = board.progressed(job, ProgressReport(0.5), ledger.trials[job.key])
    assert (row.node, board.lost) == ("host1", {})
    failure = queue.lost(job, Failure(kind="worker lost", message="killed"))
    board.failed(job, failure, ledger.trials[job.key])
    assert board.lost == {"host1": 1}
    assert Board(ledger, 2, Evaluation()).lost == {"host1": 1}


def test_a_continued_sweep_knows_what_was_done(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(grid={"beta": [1.0, 2.0]})
    sweep.run(stop_after=4)
    ledger = sweep.open()
    board = Board(ledger, 1, sweep.spec.evaluation)
    first, second = board.rows.values()
    assert [(row.state, row.epoch, row.at) for row in (first, second)] == [
        ("finished", 3, 0.0),
        ("waiting", 1, 0.0),
    ]
    assert board.sweep_left(time.monotonic()) > 0


def test_a_trained_trial_has_the_time_of_its_evaluation_left(
    local_sweep: Callable[..., Any],
) -> None:
    board, ledger, queue = board_of(local_sweep, 2, grid={"beta": [1.0, 2.0]}, base={"epochs": 1})
    first, second = queue.next(), queue.next()
    for job in (first, second):
        queue.begun(job)
        ledger.change(job.key, lambda trial: setattr(trial, "state", "finished"))
        queue.ended(job)
        board.absent(ledger.trials[job.key])
    rows, now = board.rows, time.monotonic()
    assert {row.state for row in rows.values()} == {"trained"}
    assert board.evaluation_left(rows[first.key], now) is None, "nothing is known yet"
    job = queue.next()
    assert isinstance(job, EvaluateJob)
    board.evaluated(job, EvaluationReport(seconds=8.0), ledger.trials[job.key])
    assert board.evaluation_left(rows[second.key], now) == 8.0
    row = board.started(replace(job, key=second.key), ledger.trials[second.key])
    assert board.evaluation_left(row, row.at + 3) == pytest.approx(5.0)
    assert board.evaluation_left(row, row.at + 30) == 0.0


def trained(trial: Trial, epochs: int, seconds: float) -> None:
    """To its end, in epochs that took so long each."""
    common: dict[str, Any] = {"metrics": {}, "images_per_s": 1.0, "epoch_s": seconds, "at": 0.0}
    trial.epochs = [Epoch(epoch=number + 1, **common) for number in range(epochs)]
    trial.state = "finished"


@pytest.mark.parametrize("state", ["pending", "finished"])
def test_parts_that_a_model_cannot_have_take_no_time(
    local_sweep: Callable[..., Any], state: str
) -> None:
    sweep = local_sweep(
        grid={"model": ["vae", "cvae"]}, baselines=["pixels"], evaluation={"fid": True}
    )
    ledger = sweep.open()
    sweep.queue(ledger)
    wanted = sweep.spec.evaluation.wanted()
    vae, cvae, pixels = ledger.planned()
    for trial in (vae, cvae):
        trained(trial, 3, 2.0)
        for part, seconds in (("probe", 1.0), ("fid", 100.0)):
            done = Evaluated(state="finished", settings=wanted[part], seconds=seconds)
            trial.evaluations[part] = done
    if state == "finished":
        trained(pixels, 1, 2.0)
    board = Board(ledger, 1, sweep.spec.evaluation)
    training = 0.0 if state == "finished" else 2.0
    assert board.sweep_left(0.0) == pytest.approx(training + 1.0), "no FID of raw pixels"
    assert board.evaluation_left(board.rows[pixels.key], 0.0) == (
        1.0 if state == "finished" else None
    )
    del cvae.evaluations["fid"]
    board = Board(ledger, 1, sweep.spec.evaluation)
    assert board.sweep_left(0.0) == pytest.approx(training + 1.0 + 100.0)
    del vae.evaluations["fid"]
    if state == "finished":
        board = Board(ledger, 1, sweep.spec.evaluation)
        assert board.sweep_left(0.0) is None, "what an FID takes is not known"


def test_raw_pixels_are_no_measure_of_what_others_take(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(grid={"beta": [1.0, 2.0]}, baselines=["pixels"])
    ledger = sweep.open()
    sweep.queue(ledger)
    first, second, pixels = ledger.planned()
    for trial, seconds in ((first, 2.0), (second, 2.0), (pixels, 500.0)):
        trained(trial, 1, seconds)
    settings = sweep.spec.evaluation.wanted()["probe"]
    for trial, seconds in ((first, 1.0), (pixels, 200.0)):
        trial.evaluations["probe"] = Evaluated(state="finished", settings=settings, seconds=seconds)
    board = Board(ledger, 1, sweep.spec.evaluation)
    assert board.evaluation_left(board.rows[second.key], 0.0) == 1.0
    assert board.sweep_left(0.0) == 1.0
    del first.evaluations["probe"]
    board = Board(ledger, 1, sweep.spec.evaluation)
    assert board.evaluation_left(board.rows[second.key], 0.0) is None, "nothing is known yet"
    for trial in (first, second):
        trial.epochs, trial.state = [], "pending"
    board = Board(ledger, 4, sweep.spec.evaluation)
    assert board.sweep_left(0.0) is None, "of an epoch neither"
    trained(first, 3, 2.0)
    board = Board(ledger, 4, sweep.spec.evaluation)
    assert board.sweep_left(0.0) == 6.0
    del pixels.evaluations["probe"]
    first.evaluations["probe"] = Evaluated(state="finished", settings=settings, seconds=40.0)
    trained(second, 3, 2.0)
    board = Board(ledger, 4, sweep.spec.evaluation)
    assert board.sweep_left(0.0) == 40.0, "an evaluation has one worker"


SEARCH: dict[str, Any] = {"trials": 11, "space": {"beta": {"log": [1e-8, 1e-1]}}}


@pytest.mark.parametrize("measured", [True, False])
def test_what_a_search_will_ask_for_costs_what_its_trials_do(
    local_sweep: Callable[..., Any], measured: bool
) -> None:
    sweep = local_sweep(search=SEARCH, baselines=["pca"], base={"epochs": 20})
    ledger = sweep.open()
    sweep.queue(ledger)
    (baseline,) = ledger.planned()
    trained(baseline, 1, 1.0)
    wanted = sweep.spec.evaluation.wanted()
    done = Evaluated(state="finished", settings=wanted["probe"], seconds=3.0)
    baseline.evaluations["probe"] = done
    board = Board(ledger, 1, sweep.spec.evaluation)
    assert board.to_come == 11
    assert board.sweep_left(0.0) == pytest.approx(11 * (1.0 + 3.0)), "nothing else is known"
    first = ledger.trials[sweep.queue(ledger).next().key]
    if measured:
        trained(first, 20, 10.0)
        first.evaluations["probe"] = done
    board = Board(ledger, 1, sweep.spec.evaluation)
    assert board.to_come == 10
    expected = 10 * (200.0 + 3.0) if measured else 11 * (20.0 + 3.0)
    assert board.sweep_left(0.0) == pytest.approx(expected)


def test_what_a_search_will_ask_for_is_as_fast_as_now(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(search=SEARCH, base={"epochs": 20}, evaluation={"probe": False})
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    job = queue.next()
    queue.begun(job)
    first, second = ledger.trials[job.key], ledger.trials[queue.next().key]
    trained(first, 20, 10.0)  # on busy cores
    board = Board(ledger, 1, sweep.spec.evaluation)
    for number in range(9):
        trained(second, number + 1, 1.0)
        second.state = "running"
        board.epoch_ended(EpochReport(final=False, epoch={"epoch_s": 1.0}), second)
    mean = (10.0 + 9 * 1.0) / (1 + 9)
    assert board.to_come == 9
    now = board.rows[second.key].at
    assert board.sweep_left(now) == pytest.approx(11 * 1.0 + 9 * 20 * mean)


def test_what_a_search_will_ask_for_is_judged_as_its_trials_are(
    local_sweep: Callable[..., Any],
) -> None:
    base = {"model": "cvae", "weights": {"reconstruction": 0.0}}
    sweep = local_sweep(search=SEARCH, baselines=["pca"], base=base, evaluation={"fid": True})
    ledger = sweep.open()
    sweep.queue(ledger)
    (baseline,) = ledger.planned()
    trained(baseline, 1, 1.0)
    wanted = sweep.spec.evaluation.wanted()
    for part, seconds in (("probe", 3.0), ("fid", 100.0)):
        done = Evaluated(state="finished", settings=wanted[part], seconds=seconds)
        baseline.evaluations[part] = done
    sweep.queue(ledger).next()
    board = Board(ledger, 1, sweep.spec.evaluation)
    assert board.sweep_left(0.0) == pytest.approx(11 * (3.0 + 3.0)), "no FID without a decoder"
