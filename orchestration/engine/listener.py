"""Who shows how a sweep gets on is told of every step, after it was written down."""

from __future__ import annotations

from orchestration.engine.jobs import EvaluateJob, SharedMapJob, TrainJob, TrialJob
from orchestration.engine.reports import (
    AbsentReport,
    EpochReport,
    EvaluationReport,
    ProgressReport,
)
from orchestration.ledger.documents import Failure, Trial


class Listener:
    """Takes no notice of anything; a listener says what it does of which event.

    Trials are as the ledger has them after the event.
    """

    def started(self, job: TrialJob, trial: Trial) -> None:
        """A worker has taken a job up."""

    def progressed(self, job: TrialJob, report: ProgressReport, trial: Trial) -> None:
        """Some seconds of an epoch or of an evaluation are over."""

    def epoch_ended(self, job: TrainJob, report: EpochReport, trial: Trial) -> None:
        """An epoch is over, and with the last one, or where a scheduler stops it, the training."""

    def evaluated(self, job: EvaluateJob, report: EvaluationReport, trial: Trial) -> None:
        """A part was measured."""

    def absent(self, job: EvaluateJob, report: AbsentReport, trial: Trial) -> None:
        """A part cannot be had here."""

    def failed(self, job: TrialJob, failure: Failure, trial: Trial) -> None:
        """A job has failed, for good or until it is tried again (``failure.again_s``)."""

    def nodes_changed(self, changes: list[str], slots: int) -> None:
        """Nodes have joined the cluster or are gone.

        Args:
            changes: a line each.
            slots: how many jobs run at once from now on.
        """

    def map_started(self, job: SharedMapJob) -> None:
        """A worker begins to draw the map of all trials."""

    def map_drawn(self, job: SharedMapJob, report: EvaluationReport) -> None:
        """The map of all trials is there."""

    def map_absent(self, job: SharedMapJob, report: AbsentReport) -> None:
        """The map of all trials cannot be had here."""

    def map_failed(self, job: SharedMapJob, failure: Failure) -> None:
        """The map of all trials has failed, for good or until it is tried again."""
