"""A sweep at work as plain lines."""

from __future__ import annotations

import re
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
from orchestration.signals import GRACE_S
from orchestration.status.live.board import Board
from orchestration.status.live.row import ENDED, Row
from orchestration.status.live.view import TOO_LONG, View, start_text
from orchestration.status.metric_columns import without_details
from orchestration.terminal.console import Console
from orchestration.words import duration

LEFT_OUT = re.compile(
    "^(extractor|density|coverage)/|_(floor|se|reconstruction|gaussian|mixture)(_|$)"
    "|_paper_(notebook|splits)|_cosine|^latent/(alignment|uniformity|silhouette|nmi)|^projection/"
)
QUIET_S = 2.0
LONG_EPOCH_S = 30.0
"""After so long without a line, one says how far the epoch is."""


class PlainView(View):
    """Prints what happens to trials; between epochs at most one line per trial in two seconds.

    Args:
        console: where lines go.
        board: told of everything.
    """

    def __init__(self, console: Console, board: Board) -> None:
        super().__init__(console, board)
        self._printed: dict[str, float] = {}

    def started(self, job: TrialJob, trial: Trial) -> None:
        row = self._board.started(job, trial)
        if isinstance(job, TrainJob):
            self._say(row, start_text(job))

    def progressed(self, job: TrialJob, report: ProgressReport, trial: Trial) -> None:
        row, now = self._board.progressed(job, report, trial), time.monotonic()
        if now - self._printed.setdefault(row.key, now) < LONG_EPOCH_S:
            return
        self._printed[row.key] = now
        if isinstance(job, EvaluateJob):
            self._say(row, f"{job.entry}: {report.share:.0%} of it")
            return
        left = self._board.trial_left(row, now)
        text = f"epoch {row.epoch + 1}/{row.epochs}  {row.share:.0%} of it"
        text += f"  {row.images_per_s or 0:,.0f} images/s"
        self._say(row, text if left is None else f"{text}  {duration(left)} left")

    def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
        row = self._board.epoch_ended(report, trial)
        for note in self._new_notes(report, trial):
            self._say(row, note)
        if report.epoch is not None:
            self._epoch(report, trial, row)

    def evaluated(self, job: EvaluateJob, report: EvaluationReport, trial: Trial) -> None:
        row = self._board.evaluated(job, report, trial)
        self._warn(job, report)
        done = f"  ({counts_text(self._board)})" if row.state in ENDED else ""
        self._say(row, f"{job.entry}: {metrics_text(report) or 'done'}{done}")

    def absent(self, job: EvaluateJob, report: AbsentReport, trial: Trial) -> None:
        self._board.absent(trial)
        self._warn(job, report)

    def failed(self, job: TrialJob, failure: Failure, trial: Trial) -> None:
        row = self._board.failed(job, failure, trial)
        first, *others = self._board.failure(job, failure, trial)
        self._say(row, first)
        for line in others:
            self._console.line(line)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Lines need no preparation."""
        yield

    def stopping(self, *, at_once: bool) -> None:
        """Say that the sweep is being stopped."""
        self._console.line(
            TOO_LONG
            if at_once
            else "stopping after the epochs and evaluations under way, at the latest in "
            f"{GRACE_S:.0f} s; press Ctrl-C again to end at once"
        )

    def _epoch(self, report: EpochReport, trial: Trial, row: Row) -> None:
        now, stop = time.monotonic(), stop_of(trial)
        over = report.final or stop is not None
        if not over and now - self._printed.get(trial.key, 0.0) < QUIET_S:
            return
        self._printed[trial.key] = now
        last = trial.epochs[-1]
        text = f"epoch {last.epoch}/{row.epochs}"
        for split, word in (("train", "loss"), ("val", "val")):
            losses = [last.metrics.get(f"{split}/{name}") for name in ("loss", "cross_entropy")]
            text += "".join(f"  {word} {loss:.5f}" for loss in losses if loss is not None)
        if "val/probe_accuracy" in last.metrics:
            text += f"  val probe {last.metrics['val/probe_accuracy']:.3f}"
        for name, value in last.metrics.items():
            if name.startswith("val/fd_"):
                text += f"  val FD {value:.4g}"
        text += "" if row.pace is None else f"  {row.pace:,.0f} images/s"
        if over:
            text += f"  trained in {duration(trial.train_s)}"
        else:
            left = self._board.trial_left(row, now) or 0.0
            sweep = self._sweep_left(now) or 0.0
            text += f"  {duration(left)} left, sweep {duration(sweep)}"
        self._say(row, text)
        if stop is not None:
            self._say(row, f"{stop_text(trial, stop)}  ({counts_text(self._board)})")

    def _say(self, row: Row, text: str) -> None:
        self._console.line(f"{row.key}  {row.name:<{self._board.width}}  {text}")


def metrics_text(report: EvaluationReport) -> str:
    """What an evaluation found; floors, sources and the like are left to tables."""
    whole = without_details(list(report.metrics))
    shown = {
        name: value
        for name, value in report.metrics.items()
        if name in whole and not LEFT_OUT.search(name)
    }
    return "  ".join(f"{name} {value:.4g}" for name, value in shown.items())


def counts_text(board: Board) -> str:
    """How many trials have come to an end."""
    finished, stopped, failed, total = board.counts()
    early = f", {stopped} stopped early" if stopped else ""
    return f"{finished + stopped + failed} of {total} trials done{early}"
