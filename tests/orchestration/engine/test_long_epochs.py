"""Long epochs tell how far they are, and nothing of what they compute depends on it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from orchestration.engine import epoch_steps
from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.jobs import TrainJob, TrialJob
from orchestration.engine.listener import Listener
from orchestration.engine.reports import EpochReport, ProgressReport
from orchestration.engine.worker import Worker
from orchestration.ledger.documents import Trial
from orchestration.status.live import plain_view
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.status.live.row import Row
from orchestration.terminal.console import Console
from tests.orchestration.numbers import numbers

LocalSweep = Callable[..., Any]


@pytest.fixture
def word_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch_steps, "FIRST_WORD_S", 0.0)
    monkeypatch.setattr(epoch_steps, "EVERY_S", 0.0)


@pytest.mark.usefixtures("word_after_each_step")
def test_numbers_are_those_of_whole_epochs(
    local_sweep: LocalSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = {"model": ["vae", "cvae"]}
    in_parts = local_sweep("parts", grid=grid).run()
    monkeypatch.undo()
    assert numbers(in_parts) == numbers(local_sweep("whole", grid=grid).run())


@pytest.mark.usefixtures("word_after_each_step")
def test_what_is_told(local_sweep: LocalSweep, small: Any) -> None:
    sweep = local_sweep(base={"epochs": 2})
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    board = Board(ledger, 1, sweep.spec.evaluation)
    rows: list[Row] = []
    kinds: list[str] = []
    written: list[bytes] = []
    document = sweep.folder / "trials" / f"{sweep.keys[0]}.json"

    class Watching(Listener):
        def progressed(self, job: TrialJob, report: ProgressReport, trial: Trial) -> None:
            if isinstance(job, TrainJob):
                self._note("progress", board.progressed(job, report, trial))

        def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
            self._note("epoch", board.epoch_ended(report, trial))

        def _note(self, kind: str, row: Row) -> None:
            kinds.append(kind)
            rows.append(row)
            written.append(document.read_bytes())

    worker = Worker({"digits": small}, sweep.folder, threads=1, gpu=False)
    InProcessEngine(worker).work(queue, sweep.results(ledger, queue, Watching()))
    # 144 images are three batches; after the last of them the epoch itself is told.
    assert kinds == [*["progress"] * 2, "epoch"] * 2
    assert [row.share for row in rows] == [64 / 144, 128 / 144, 0.0] * 2
    assert [row.epoch for row in rows] == [*[0] * 2, *[1] * 3, 2]
    assert all(row.state == "training" for row in rows[:-1])
    # Nothing is written for a word.
    assert len(set(written[:2])) == len(set(written[2:5])) == 1


def test_a_first_epoch_has_a_time_left_before_it_ends(local_sweep: LocalSweep) -> None:
    sweep = local_sweep(base={"epochs": 10})
    ledger = sweep.open()
    queue = sweep.queue(ledger)
    board = Board(ledger, 1, sweep.spec.evaluation)
    job = queue.next()
    queue.begun(job)
    trial = ledger.trials[job.key]
    so_far = ProgressReport(share=0.25, images_per_s=100.0, epoch_s=40.0)
    row = board.progressed(job, so_far, trial)
    assert board.trial_left(row, row.at) == pytest.approx(9 * 40 + 0.75 * 40)
    assert board.trial_left(row, row.at + 10) == pytest.approx(9 * 40 + 20)
    # It never runs below the epochs that have not begun.
    assert board.trial_left(row, row.at + 1000) == pytest.approx(9 * 40)


@pytest.mark.usefixtures("word_after_each_step")
def test_plain_lines_are_few(
    local_sweep: LocalSweep, small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines(long_epoch_s: float) -> list[str]:
        monkeypatch.setattr(plain_view, "LONG_EPOCH_S", long_epoch_s)
        sweep = local_sweep(str(long_epoch_s), base={"epochs": 1})
        ledger = sweep.open()
        queue = sweep.queue(ledger)
        output = io.StringIO()
        listener = PlainView(Console(output), Board(ledger, 1, sweep.spec.evaluation))
        worker = Worker({"digits": small}, sweep.folder, threads=1, gpu=False)
        InProcessEngine(worker).work(queue, sweep.results(ledger, queue, listener))
        return [
            line for line in output.getvalue().splitlines() if "of it" in line and "epoch" in line
        ]

    assert lines(30.0) == []
    told = lines(0.0)
    assert len(told) == 2
    assert "epoch 1/1  44% of it" in told[0]
