"""What both ways to show a sweep at work say alike."""

from __future__ import annotations

from cvae_core.evaluation.parts import baseline_lacks
from orchestration.engine.jobs import EvaluateJob, SharedMapJob, TrainJob
from orchestration.engine.listener import Listener
from orchestration.engine.reports import AbsentReport, EpochReport, EvaluationReport
from orchestration.ledger.documents import Failure, Trial
from orchestration.signals import GRACE_S
from orchestration.status.failures import failure_text, goes_on, next_try
from orchestration.status.live.board import Board
from orchestration.status.notes import told_notes
from orchestration.terminal.console import Console
from orchestration.words import count, duration

SWEEP_LEFT_S = 1.0
"""The time that a sweep has left is summed up over all of its trials no more often than this."""
TOO_LONG = f"stopping at once: no epoch under way can end within {GRACE_S:.0f} s"


class View(Listener):
    """Tells of the map of all trials, and warns of what an evaluation says beside its figures.

    Args:
        console: where lines go.
        board: told of everything that happens to trials.
    """

    def __init__(self, console: Console, board: Board) -> None:
        self._console = console
        self._board = board
        self._left: tuple[float, float | None] = (0.0, None)
        self._noted: dict[str, set[str]] = {}
        """What was said of trials that workers have noted something of, by key."""

    def _sweep_left(self, now: float) -> float | None:
        """Seconds of work left, as of a moment ago."""
        at, left = self._left
        if left is None or now - at >= SWEEP_LEFT_S:
            self._left = now, self._board.sweep_left(now)
        return self._left[1]

    def nodes_changed(self, changes: list[str], slots: int) -> None:
        self._board.slots = max(slots, 1)
        for line in changes:
            self._console.line(line)

    def taken_over(self, trial: Trial) -> None:
        """A search has asked for a trial that was trained before."""
        self._board.taken_over(trial)

    def map_started(self, job: SharedMapJob) -> None:
        self._console.line(f"{_map_of(job)} begins")

    def map_drawn(self, job: SharedMapJob, report: EvaluationReport) -> None:
        self._console.line(f"{_map_of(job)}: done in {duration(report.seconds)}")
        for note in self._board.new([f"{job.entry}: {note}" for note in report.notes]):
            self._console.line(note)

    def map_absent(self, job: SharedMapJob, report: AbsentReport) -> None:
        for text in self._board.new([f"{job.entry} is left out: {report.message}"]):
            self._console.line(text)

    def map_failed(self, job: SharedMapJob, failure: Failure) -> None:
        noted = failure.model_dump()
        if failure.again_s is None:
            self._console.line(f"{_map_of(job)} failed: {failure_text(noted)}")
            return
        self._console.line(f"{_map_of(job)}: {goes_on(noted)}")
        self._console.line(f"    {next_try(noted)}")

    def _new_notes(self, report: EpochReport, trial: Trial) -> list[str]:
        """What a worker notes of an attempt, at any epoch; it says so again with every report."""
        if not report.notes:
            return []
        said = self._noted.setdefault(trial.key, set())
        notes = told_notes(report.notes, trial.config["model"])
        new = [note for note in notes if note not in said]
        said.update(new)
        return new

    def _warn(self, job: EvaluateJob, report: EvaluationReport | AbsentReport) -> None:
        if isinstance(report, AbsentReport):
            if baseline_lacks(job.config["model"], job.part) is not None:
                return  # that a baseline has no decoder is no news
            texts = [f"{job.part} is left out: {report.message}"]
        else:
            texts = [f"{job.part}: {note}" for note in report.notes]
        for text in self._board.new(texts):
            self._console.warning(text)


def _map_of(job: SharedMapJob) -> str:
    return f"{job.entry} of {count(len(job.trials), 'trial')}"


def start_text(job: TrainJob) -> str:
    """How a trial begins."""
    if job.checkpoints:
        return f"continues after epoch {job.checkpoints[0]['epoch']} (attempt {job.attempt})"
    return "begins" if job.attempt == 1 else f"begins again (attempt {job.attempt})"
