"""What a first Ctrl-C waits for, and what is said to be lost by it: real signals, no Ray."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from cvae_core.data import Dataset
from cvae_core.evaluation.parts import PARTS
from orchestration.engine.engine import Engine
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.jobs import TrainJob
from orchestration.engine.reports import EpochReport, ProgressReport, Report
from orchestration.engine.worker import Worker
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import REPORT_PAGE
from orchestration.ledger.processes import ProcessRecord
from orchestration.plan.plan import make_plan
from orchestration.run import sweep_run
from orchestration.run.end import note_results
from orchestration.run.interruption import done_again, may_end_within
from orchestration.run.request import Flags, Request
from orchestration.run.resume import stored_request
from orchestration.run.runner import run_sweep
from orchestration.run.start import enter_plan, new_ledger
from orchestration.run.sweep_run import CUT_OFF_S, INTERRUPTED_END_S, SweepRun
from orchestration.signals import ended_by_signals
from orchestration.spec.evaluation import Evaluation
from orchestration.spec.layers import Layers
from orchestration.spec.reading import parse_spec
from orchestration.status.live.board import Board
from orchestration.terminal.console import Console
from orchestration.tracking.thread import TrackingThread

SECTIONS = {
    "name": "long",
    "base": {"data": {"name": "digits"}, "epochs": 9, "architecture": {"latent_dim": 4}},
    "checkpoints": {"min_interval_s": 0},
    "evaluation": {**dict.fromkeys(PARTS, False), "probe_every": 0},
}


class Slow(Worker):
    """After the first epoch Ctrl-C is pressed in the midst of one that takes so long in all."""

    epoch_s = 0.0
    ended = 0
    share = 0.1

    def step(self) -> Report:
        if self.ended == 1 and self.share < 1:
            report = ProgressReport(self.share, images_per_s=1.0, epoch_s=self.epoch_s)
            if self.share > 0.15:
                if self.share < 0.25:
                    os.kill(os.getpid(), signal.SIGINT)
                time.sleep(self.epoch_s / 10)
            self.share += 0.1
            return report
        report = super().step()
        if isinstance(report, EpochReport):
            self.ended += 1
            assert report.epoch is not None
            report.epoch["epoch_s"] = self.epoch_s
        return report


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epoch_s", "kept", "said"),
    [
        (200.0, 1, "interrupted; 1 epoch under way is done again. To continue:"),
        (1.0, 2, "interrupted; nothing is lost. To continue:"),
    ],
)
def test_an_epoch_that_cannot_end_in_time_is_not_awaited(
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    mlflow_takes_everything: None,
    epoch_s: float,
    kept: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)
    spec = parse_spec(Layers(Path("long.yaml"), SECTIONS, {}))
    request = Request(spec, tmp_path / "runs", "the command")
    ended: list[float] = []

    def start(run: SweepRun, _: ProcessRecord) -> AbstractContextManager[Engine]:
        worker = Slow(run.data.sets, run.request.folder, threads=1, gpu=False)
        worker.epoch_s = epoch_s
        return nullcontext(Timed(worker))

    class Timed(InProcessEngine):
        def work(self, *arguments: Any) -> None:
            began = time.monotonic()
            try:
                super().work(*arguments)
            finally:
                ended.append(time.monotonic() - began)

    output = io.StringIO()
    with ended_by_signals() as signals:
        code = run_sweep(request, Console(output), signals, start)
    lines = output.getvalue().splitlines()
    assert code == 130
    assert lines[-2:] == [said, "the command"]
    meanwhile = capfd.readouterr().out
    at_once = "stopping at once: no epoch under way can end within 30 s" in meanwhile
    assert at_once == (epoch_s > 30)
    assert ended[0] < 15
    (trial,) = Ledger.open(request.folder).trials.values()
    assert (trial.state, trial.epoch, trial.checkpoints[-1].epoch) == ("pending", kept, kept)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epoch", "signals", "drawn", "waits_s"),
    [
        (2, 1, True, INTERRUPTED_END_S),
        (2, 2, False, CUT_OFF_S),
        (10, 2, True, INTERRUPTED_END_S),
    ],
)
def test_a_second_signal_ends_at_once(
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_takes_everything: None,
    epoch: int,
    signals: int,
    drawn: bool,
    waits_s: float,
) -> None:
    """The report is drawn by the command that continues; at once where none would do anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)
    waited: list[float] = []
    finish = TrackingThread.finish

    def noted(thread: TrackingThread, timeout_s: float) -> bool:
        waited.append(timeout_s)
        return finish(thread, 60.0)

    monkeypatch.setattr(TrackingThread, "finish", noted)
    spec = parse_spec(Layers(Path("long.yaml"), SECTIONS, {}))

    def interrupt() -> None:
        for _ in range(signals):
            os.kill(os.getpid(), signal.SIGINT)

    class Interrupting(Worker):
        def step(self) -> Report:
            report = super().step()
            if isinstance(report, EpochReport) and report.epoch and report.epoch["epoch"] == epoch:
                interrupt()
            return report

    class Late(InProcessEngine):
        def work(self, *arguments: Any) -> None:
            super().work(*arguments)
            if epoch > 9:
                interrupt()

    def start(run: SweepRun, _: ProcessRecord) -> AbstractContextManager[Engine]:
        return nullcontext(
            Late(Interrupting(run.data.sets, run.request.folder, threads=1, gpu=False))
        )

    request = Request(spec, tmp_path / "runs", "the command")
    output = io.StringIO()
    with ended_by_signals() as received:
        assert run_sweep(request, Console(output), received, start) == 130
    assert output.getvalue().splitlines()[-1] == "the command"
    assert waited == [waits_s]
    assert (request.folder / REPORT_PAGE).exists() == drawn
    (trial,) = Ledger.open(request.folder).trials.values()
    assert trial.state == ("pending" if epoch == 2 else "finished")


def too_slow(run: SweepRun, _: ProcessRecord) -> AbstractContextManager[Engine]:
    """An engine that is interrupted in an epoch too long to be awaited."""
    worker = Slow(run.data.sets, run.request.folder, threads=1, gpu=False)
    worker.epoch_s = 200.0
    return nullcontext(InProcessEngine(worker))


@pytest.mark.slow
@pytest.mark.parametrize("late", [signal.SIGUSR1, signal.SIGINT])
def test_a_signal_after_the_work_has_ended(
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_takes_everything: None,
    late: signal.Signals,
) -> None:
    """What it costs is said as it is; a notice that time is up does not even hurry it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)
    spec = parse_spec(Layers(Path("long.yaml"), SECTIONS, {}))
    request = Request(spec, tmp_path / "runs", "the command")

    def noted(ledger: Ledger) -> None:
        os.kill(os.getpid(), late)
        time.sleep(0.01)
        note_results(ledger)

    monkeypatch.setattr(sweep_run, "note_results", noted)

    output = io.StringIO()
    with ended_by_signals() as signals:
        assert run_sweep(request, Console(output), signals, too_slow) == 130
    said = "interrupted; 1 epoch under way is done again. To continue:"
    assert output.getvalue().splitlines()[-2:] == [said, "the command"]
    assert (request.folder / REPORT_PAGE).exists() == (late == signal.SIGUSR1)
    assert Ledger.open(request.folder).sweep.outcome == "interrupted"


@pytest.mark.slow
def test_an_interrupted_retry_is_continued_by_resume(
    small: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_takes_everything: None,
) -> None:
    """By then the trial that it names has not failed any more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("orchestration.plan.datasets.load", lambda *_: small)
    spec = parse_spec(Layers(Path("long.yaml"), SECTIONS, {}))
    plan = make_plan(spec)
    ledger = new_ledger(Request(spec, tmp_path / "runs", "the command"), {})
    enter_plan(ledger, Request(spec, tmp_path / "runs", "the command"), plan, {})
    (key,) = plan.trials
    ledger.change(key, lambda trial: setattr(trial, "state", "failed"))

    request = stored_request("long", tmp_path / "runs", Flags(), retry=(key,))
    output = io.StringIO()
    with ended_by_signals() as signals:
        assert run_sweep(request, Console(output), signals, too_slow) == 130
    assert output.getvalue().splitlines()[-1].endswith("resume long")


def test_one_epoch_that_may_end_is_worth_waiting_for(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(grid={"beta": [1e-3, 1e-4]})
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    board = Board(ledger, 2, Evaluation())
    assert may_end_within(30.0, queue, board), "nothing is under way: it ends by itself"
    jobs = [queue.next(), queue.next()]
    assert not may_end_within(30.0, queue, board), "nothing of what is not begun is lost"
    for job, pace in zip(jobs, (300.0, 80.0), strict=True):
        queue.begun(job)
        board.started(job, ledger.trials[job.key])
        assert may_end_within(30.0, queue, board), "how long it takes is not known"
        so_far = ProgressReport(share=0.5, images_per_s=1.0, epoch_s=pace)
        board.progressed(job, so_far, ledger.trials[job.key])
        assert not may_end_within(30.0, queue, board)
    board.progressed(jobs[1], ProgressReport(0.7, 1.0, 80.0), ledger.trials[jobs[1].key])
    assert may_end_within(30.0, queue, board)
    assert not may_end_within(15.0, queue, board)
    queue.ended(jobs[1])
    assert [job.key for job in queue.at_work if isinstance(job, TrainJob)] == [jobs[0].key]
    assert not may_end_within(30.0, queue, board)


def test_what_is_lost_is_said(local_sweep: Callable[..., Any]) -> None:
    sweep = local_sweep(checkpoints={"min_interval_s": 1000})
    sweep.run(stop_after=2)
    ledger = sweep.open()
    assert not ledger.trials[sweep.keys[0]].checkpoints
    said = [done_again(ledger, n, m).partition(";")[2] for n, m in ((0, 0), (1, 0), (2, 1))]
    assert done_again(ledger, 0, 1, trains=False).startswith("interrupted; 1 evaluation is done")
    ledger.trials[sweep.keys[0]].state = "finished"
    said += [done_again(ledger, n, m).partition(";")[2] for n, m in ((0, 0), (1, 1), (0, 1))]
    assert [each.removesuffix(". To continue:").strip() for each in said] == [
        "2 epochs since the last checkpoint are done again",
        "3 epochs since the last checkpoint are done again",
        "4 epochs since the last checkpoint and 1 evaluation are done again",
        "nothing is lost",
        "1 epoch under way and 1 evaluation are done again",
        "1 evaluation is done again",
    ]
