"""What the ledger is to hold of an epoch, and of what a scheduler decides after it."""

from __future__ import annotations

from orchestration.engine.early_stopping import EarlyStopping
from orchestration.engine.jobs import TrainJob
from orchestration.engine.reports import EpochReport
from orchestration.engine.retention import Retention
from orchestration.ledger.checkpoints import kept, usable
from orchestration.ledger.documents import CheckpointRef, Epoch, Trial, end_attempt
from orchestration.ledger.ledger import Ledger
from orchestration.spec.sweep import SweepSpec


class EpochEntry:
    """Enters epochs.

    Args:
        spec: of the sweep: which checkpoints stay, and whether a scheduler stops trials.
        ledger: where they are written down.
        retention: makes room for further checkpoints.
    """

    def __init__(self, spec: SweepSpec, ledger: Ledger, retention: Retention) -> None:
        self._ledger = ledger
        self._checkpoints = spec.checkpoints
        self._early_stopping = EarlyStopping(spec.scheduler, ledger) if spec.scheduler else None
        self._retention = retention

    def enter(self, job: TrainJob, report: EpochReport, *, stopping: bool) -> None:
        """Write an epoch down, whole or not at all; with ``stopping`` the attempt ends."""

        def enter(trial: Trial) -> None:
            attempt = trial.attempts[-1]
            attempt.worker = attempt.worker or report.worker
            attempt.from_epoch = report.from_epoch
            trial.notes += [note for note in report.notes if note not in trial.notes]
            if report.epoch is not None:
                record = Epoch.model_validate(report.epoch)
                attempt.reached = record.epoch
                trial.epochs = [e for e in trial.epochs if e.epoch < record.epoch] + [record]
            trial.checkpoints = usable(trial.checkpoints, report.from_epoch, job.attempt)
            if report.checkpoint is not None:
                latest = CheckpointRef.model_validate(report.checkpoint)
                trial.checkpoints = kept(trial.checkpoints, latest, self._checkpoints)
            if report.final:
                end_attempt(trial, "finished", "finished")
            elif self._decides_to_stop(job, trial, report):
                end_attempt(trial, "stopped", "stopped")
            elif stopping:
                end_attempt(trial, "interrupted", "pending")

        self._ledger.change(job.key, enter)
        if report.checkpoint is not None:
            self._retention.make_room(self._ledger)

    def _decides_to_stop(self, job: TrainJob, trial: Trial, report: EpochReport) -> bool:
        """Whether a scheduler stops the trial after this epoch; what it decides is noted."""
        if self._early_stopping is None or report.epoch is None:
            return False
        epoch = report.epoch["epoch"]
        if epoch not in job.decision_epochs:
            return False
        decision = self._early_stopping.decide(trial, epoch, trial.epochs[-1].metrics)
        if decision is None:
            return False
        if decision not in trial.decisions:
            trial.decisions = [*trial.decisions, decision]
        return decision.stop
