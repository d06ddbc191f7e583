"""Progress as plain lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestration.engine.jobs import Job, Report
from orchestration.ledger.documents import Trial
from orchestration.ledger.stops import stop_of, stop_text
from orchestration.status.live.board import ENDED, Board, Row
from orchestration.terminal.console import Console
from orchestration.words import duration

QUIET_S = 2.0
LONG_EPOCH_S = 30.0
"""After so long without a line, one says how far the epoch is."""


class Progress:
    """Prints what happens to trials; between epochs at most one line per trial in two seconds.

    Args:
        console: where lines go.
        board: told of everything.
    """

    def __init__(self, console: Console, board: Board) -> None:
        self._console = console
        self._board = board
        self._printed: dict[str, float] = {}

    def __call__(self, job: Job, report: Report | None, trial: Trial | None) -> None:
        """Take notice of a job's start (no report) or of a report."""
        if trial is None:
            for line in self._board.of_the_sweep(job, report):
                self._console.line(line)
            return
        row = self._board.note(job, report, trial)
        if report is None:
            if job.kind == "train":
                self._say(row, start_text(job))
        elif report.kind == "failed":
            first, *others = self._board.failure(job, report, trial)
            self._say(row, first)
            for line in others:
                self._console.line(line)
        elif report.kind in ("absent", "evaluated"):
            self._evaluated(job, report, row)
        elif report.kind == "progress" and job.kind == "train":
            self._in_an_epoch(row)
        elif report.kind == "progress":
            self._in_an_evaluation(job, report, row)
        elif report.epoch is not None:
            self._epoch(report, trial, row)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Lines need no preparation."""
        yield

    def stopping(self) -> None:
        """Say that the sweep is being stopped."""
        self._console.line(
            "stopping after the epochs and evaluations under way; press Ctrl-C again to end at once"
        )

    def _in_an_epoch(self, row: Row) -> None:
        now = time.monotonic()
        if now - self._printed.setdefault(row.key, now) < LONG_EPOCH_S:
            return
        self._printed[row.key] = now
        left = self._board.trial_left(row, now)
        text = f"epoch {row.epoch + 1}/{row.epochs}  {row.share:.0%} of it"
        text += f"  {row.images_per_s or 0:,.0f} images/s"
        self._say(row, text if left is None else f"{text}  {duration(left)} left")

    def _in_an_evaluation(self, job: Job, report: Report, row: Row) -> None:
        now = time.monotonic()
        if now - self._printed.setdefault(row.key, now) < LONG_EPOCH_S:
            return
        self._printed[row.key] = now
        self._say(row, f"{job.entry}: {(report.epoch or {})['share']:.0%} of it")

    def _evaluated(self, job: Job, report: Report, row: Row) -> None:
        for text in self._board.news(job, report):
            self._console.warning(text)
        if report.kind == "evaluated":
            done = f"  ({counts_text(self._board)})" if row.state in ENDED else ""
            self._say(row, f"{job.entry}: {metrics_text(report) or 'done'}{done}")

    def _epoch(self, report: Report, trial: Trial, row: Row) -> None:
        for note in new_notes(report, trial):
            self._say(row, note)
        now, stop = time.monotonic(), stop_of(trial)
        over = report.final or stop is not None
        if not over and now - self._printed.get(trial.key, 0.0) < QUIET_S:
            return
        self._printed[trial.key] = now
        last = trial.epochs[-1]
        text = (
            f"epoch {last.epoch}/{row.epochs}  loss {last.metrics['train/loss']:.5f}"
            f"  val {last.metrics['val/loss']:.5f}"
        )
        if "val/probe_accuracy" in last.metrics:
            text += f"  val probe {last.metrics['val/probe_accuracy']:.3f}"
        for name, value in last.metrics.items():
            if name.startswith("val/fd_"):
                text += f"  val FD {value:.4g}"
        text += f"  {last.images_per_s:,.0f} images/s"
        if over:
            text += f"  trained in {duration(trial.train_s)}"
        else:
            left = self._board.trial_left(row, now) or 0.0
            sweep = self._board.sweep_left(now) or 0.0
            text += f"  {duration(left)} left, sweep {duration(sweep)}"
        self._say(row, text)
        if stop is not None:
            self._say(row, f"{stop_text(trial, stop)}  ({counts_text(self._board)})")

    def _say(self, row: Row, text: str) -> None:
        self._console.line(f"{row.key}  {row.name:<{self._board.width}}  {text}")


def new_notes(report: Report, trial: Trial) -> list[str]:
    """What a worker notes of an attempt; it says so with every report, and once is enough."""
    return report.notes if trial.epoch == report.from_epoch + 1 else []


def start_text(job: Job) -> str:
    """How a trial begins."""
    if job.checkpoints:
        return f"continues after epoch {job.checkpoints[0]['epoch']} (attempt {job.attempt})"
    return "begins" if job.attempt == 1 else f"begins again (attempt {job.attempt})"


def metrics_text(report: Report) -> str:
    """What an evaluation found; floors and the like are left to tables."""
    shown = {
        name: value
        for name, value in report.metrics.items()
        if "_floor" not in name and not name.startswith("extractor/")
    }
    return "  ".join(f"{name} {value:.4g}" for name, value in shown.items())


def counts_text(board: Board) -> str:
    """How many trials have come to an end."""
    finished, stopped, failed, total = board.counts()
    early = f", {stopped} stopped early" if stopped else ""
    return f"{finished + stopped + failed} of {total} trials done{early}"
