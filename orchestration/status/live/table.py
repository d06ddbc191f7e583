"""Progress as a table that is redrawn in place, for terminals."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.engine.jobs import Job, Report
from orchestration.ledger.documents import Trial
from orchestration.ledger.stops import stop_of, stop_text
from orchestration.status.live.board import Board, Row
from orchestration.status.live.frame import Moment, frame
from orchestration.status.live.lines import new_notes, start_text
from orchestration.terminal.console import Console
from orchestration.words import duration

RESULTS = {
    "probe/accuracy": "test probe",
    "test/reconstruction_mse": "test MSE",
}
"""What is said of a finished trial."""


class LiveView:
    """Shows a board as a table; what a reader wants to keep is printed above it.

    Args:
        console: a live one.
        board: told of everything.
        sweep: its name.
    """

    def __init__(self, console: Console, board: Board, sweep: str) -> None:
        self._console = console
        self._board = board
        self._sweep = sweep
        self._began = time.monotonic()
        self._stopping = False

    def __call__(self, job: Job, report: Report | None, trial: Trial | None) -> None:
        """Take notice of a job's start (no report) or of a report."""
        if trial is None:
            for line in self._board.of_the_sweep(job, report):
                self._console.line(line)
            return
        row = self._board.note(job, report, trial)
        if report is None:
            if job.kind == "train" and job.attempt > 1:
                self._say(row, start_text(job))
        elif report.kind == "failed":
            first, *others = self._board.failure(job, report, trial)
            self._say(row, first, "red")
            for line in others:
                self._console.line(line)
        elif report.kind == "epoch":
            for note in new_notes(report, trial):
                self._say(row, note, "yellow")
        elif report.kind in ("absent", "evaluated"):
            for text in self._board.news(job, report):
                self._console.warning(text)
        stop = stop_of(trial)
        if report is None or report.kind == "failed":
            return
        if stop is not None and report.kind == "epoch":
            self._say(row, stop_text(trial, stop), "yellow")
        elif row.state in ("finished", "stopped"):
            metrics = trial.metrics
            results = [f"{s} {metrics[n]:.4g}" for n, s in RESULTS.items() if n in metrics]
            trained = f"in {duration(trial.train_s)}"
            self._say(row, ", ".join([*results, trained]), "green")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw the table meanwhile."""
        with self._console.painting(lambda width, height: frame(self._moment(), width, height)):
            yield

    def stopping(self) -> None:
        """Say, from the next frame on, that the sweep is being stopped."""
        self._stopping = True

    def _moment(self) -> Moment:
        now = time.monotonic()
        rows = list(self._board.rows.values())
        left = {row.key: self._board.trial_left(row, now) for row in rows if row.at}
        return Moment(
            sweep=self._sweep,
            rows=rows,
            left=left,
            sweep_left=self._board.sweep_left(now),
            now=now,
            elapsed=now - self._began,
            stopping=self._stopping,
            to_come=self._board.to_come,
        )

    def _say(self, row: Row, text: str, style: str = "") -> None:
        self._console.line(f"{row.key}  {row.name}  {text}", style)
