"""A sweep at work as a table that is redrawn in place, for terminals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.engine.jobs import EvaluateJob, TrainJob, TrialJob
from orchestration.engine.reports import (
    AbsentReport,
    EpochReport,
    EvaluationReport,
    ProgressReport,
)
from orchestration.ledger.documents import Failure, Trial
from orchestration.ledger.names import stop_of, stop_text
from orchestration.status.live.board import Board
from orchestration.status.live.row import Row
from orchestration.status.live.table import UNDER_WAY, Moment, frame
from orchestration.status.live.view import TOO_LONG, View, start_text
from orchestration.status.nodes import counted, nodes_line
from orchestration.terminal.console import Console
from orchestration.words import duration

FIGURES = {
    "probe/accuracy": "test probe",
    "test/reconstruction_mse": "test MSE",
}
"""What is said of a finished trial."""
AT_WORK = ("starting", "training")
"""States of a row whose trial is being trained."""


class TableView(View):
    """Shows a board as a table; what a reader wants to keep is printed above it.

    Args:
        console: a live one.
        board: told of everything.
        sweep: its name.
    """

    def __init__(self, console: Console, board: Board, sweep: str) -> None:
        super().__init__(console, board)
        self._sweep = sweep
        self._began = time.monotonic()
        self._stopping = False

    def started(self, job: TrialJob, trial: Trial) -> None:
        row = self._board.started(job, trial)
        if isinstance(job, TrainJob) and job.attempt > 1:
            self._say(row, start_text(job))

    def progressed(self, job: TrialJob, report: ProgressReport, trial: Trial) -> None:
        self._board.progressed(job, report, trial)

    def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
        row = self._board.epoch_ended(report, trial)
        for note in self._new_notes(report, trial):
            self._say(row, note, "yellow")
        stop = stop_of(trial)
        if stop is not None:
            self._say(row, stop_text(trial, stop), "yellow")
        else:
            self._say_figures(row, trial)

    def evaluated(self, job: EvaluateJob, report: EvaluationReport, trial: Trial) -> None:
        row = self._board.evaluated(job, report, trial)
        self._warn(job, report)
        self._say_figures(row, trial)

    def absent(self, job: EvaluateJob, report: AbsentReport, trial: Trial) -> None:
        row = self._board.absent(trial)
        self._warn(job, report)
        self._say_figures(row, trial)

    def failed(self, job: TrialJob, failure: Failure, trial: Trial) -> None:
        row = self._board.failed(job, failure, trial)
        first, *others = self._board.failure(job, failure, trial)
        self._say(row, first, "red" if failure.again_s is None else "yellow")
        for line in others:
            self._console.line(line)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw the table meanwhile."""
        with self._console.painting(lambda width, height: frame(self._moment(), width, height)):
            yield

    def stopping(self, *, at_once: bool) -> None:
        """Say, from the next frame on, that the sweep is being stopped."""
        self._stopping = True
        if at_once:
            self._console.line(TOO_LONG)

    def _moment(self) -> Moment:
        now = time.monotonic()
        rows = list(self._board.rows.values())
        board = self._board
        left = {
            row.key: board.trial_left(row, now) or board.evaluation_left(row, now)
            for row in rows
            if row.at and row.state in UNDER_WAY
        }
        return Moment(
            sweep=self._sweep,
            rows=rows,
            left=left,
            sweep_left=self._sweep_left(now),
            now=now,
            elapsed=now - self._began,
            stopping=self._stopping,
            to_come=self._board.to_come,
            nodes=nodes_line(
                counted(((row.node, row.state in AT_WORK) for row in rows), board.lost)
            ),
        )

    def _say_figures(self, row: Row, trial: Trial) -> None:
        """What a trial has come to, once nothing of it is left to be done."""
        if row.state in ("finished", "stopped"):
            metrics = trial.metrics
            figures = [f"{s} {metrics[n]:.4g}" for n, s in FIGURES.items() if n in metrics]
            self._say(row, ", ".join([*figures, f"in {duration(trial.train_s)}"]), "green")

    def _say(self, row: Row, text: str, style: str = "") -> None:
        self._console.line(f"{row.key}  {row.name}  {text}", style)
