"""The one place by which every result enters the ledger, whichever engine it comes from."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from orchestration import store
from orchestration.engine.early_stopping import EarlyStopping
from orchestration.engine.job_records import (
    fail_attempt,
    interrupt_attempt,
    note_measured,
    note_not_measured,
    note_worker,
)
from orchestration.engine.jobs import EvaluateJob, Job, SharedMapJob, TrainJob
from orchestration.engine.listener import Listener
from orchestration.engine.queue import Queue
from orchestration.engine.reports import (
    AbsentReport,
    EpochReport,
    EvaluationReport,
    FailureReport,
    ProgressReport,
    Report,
)
from orchestration.engine.retention import Retention
from orchestration.engine.retries import RETRIED, STORAGE
from orchestration.errors import StorageError
from orchestration.ledger.checkpoints import kept, usable
from orchestration.ledger.documents import (
    DAMAGED,
    CheckpointRef,
    Epoch,
    Failure,
    State,
    Trial,
    end_attempt,
)
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import CHECKPOINT_NOW
from orchestration.spec.sweep import SweepSpec


class Results:
    """Writes each report down, then says whether its job is to stop.

    Args:
        spec: of the sweep: which checkpoints stay, and whether a scheduler stops trials.
        ledger: where it is written down.
        queue: told how jobs end.
        listener: told of everything.
        retention: makes room for further checkpoints.
    """

    def __init__(
        self,
        spec: SweepSpec,
        ledger: Ledger,
        queue: Queue,
        listener: Listener,
        retention: Retention,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._checkpoints = spec.checkpoints
        self._listener = listener
        self._early_stopping = EarlyStopping(spec.scheduler, ledger) if spec.scheduler else None
        self._retention = retention
        self.stopping = False
        """Whether every job ends after its next report."""
        self._checkpointing = False
        self.broken: StorageError | None = None
        """Why nothing can be written down any more: what is under way is dropped."""
        self.cut_off: list[Job] = []
        """Evaluations that were dropped half-way, because everything was to stop."""
        self.taken = 0
        """How many epochs and evaluations were written down."""

    def give_up(self, error: StorageError) -> None:
        """Let everything end, because something could not be written down."""
        self.broken = self.broken or error
        self.stopping = self._queue.closed = True

    def stop(self) -> None:
        """Begin no job any more, and let each end after its next report.

        Training ends after its next checkpoint: workers look for the file that asks for one
        whenever an epoch ends.
        """
        self._queue.closed = True
        with suppress(StorageError):
            store.write_bytes(self._ledger.folder / CHECKPOINT_NOW, b"")
            self._checkpointing = True
        self.stopping = True

    def nodes_changed(self, changes: list[str], slots: int) -> None:
        """Nodes have joined or are gone: from now on so many jobs run at once."""
        self._queue.slots_are(slots)
        self._listener.nodes_changed(changes, slots)

    def begun(self, job: Job) -> None:
        """A worker has taken a job up."""
        if self.broken is not None:
            return
        try:
            self._queue.begun(job)
        except StorageError as error:
            self.give_up(error)
            return
        if isinstance(job, SharedMapJob):
            self._listener.map_started(job)
        else:
            self._listener.started(job, self._ledger.trials[job.key])

    def lost(
        self,
        job: Job,
        failure: Failure,
        *,
        counted: bool = True,
        worker: dict[str, Any] | None = None,
    ) -> None:
        """A worker died under a job.

        Args:
            job: that was under way.
            failure: what is known of it; of a kind that is not tried again the job fails.
            counted: False where the job had no part in it, because Ray itself died: it is put back
                in line at once, and its retries are as many as before.
            worker: what is known of where it was.
        """
        if self.broken is not None:
            return
        try:
            if counted and isinstance(job, TrainJob) and not self._is(job, "running"):
                self._queue.begun(job)  # it died before it took the job up: an attempt tells of it
            self._failed(job, failure, worker, counted=counted)
        except StorageError as error:
            self.give_up(error)

    def report(self, job: Job, report: Report) -> bool:
        """Take a report in; True where the job is to stop."""
        if self.broken is not None:
            return True
        try:
            return self._report(job, report)
        except StorageError as error:
            self.give_up(error)
            return True

    def _report(self, job: Job, report: Report) -> bool:
        match job, report:
            case _, ProgressReport():
                return self._progressed(job, report)
            case TrainJob(), EpochReport():
                return self._epoch_ended(job, report)
            case EvaluateJob() | SharedMapJob(), EvaluationReport() | AbsentReport():
                self._evaluated(job, report)
            case _, FailureReport(kind, message, traceback, worker):
                failure = Failure(kind=kind, message=message, traceback=traceback)
                self._failed(job, failure, worker)
            case _:
                raise TypeError(f"{type(job).__name__} reported {type(report).__name__}")
        return True

    def _progressed(self, job: Job, report: ProgressReport) -> bool:
        if isinstance(job, TrainJob):
            note_worker(self._ledger, job, report.worker)
        if not isinstance(job, SharedMapJob):
            self._listener.progressed(job, report, self._ledger.trials[job.key])
        # A part of an evaluation is begun anew another time; an epoch is awaited.
        if isinstance(job, TrainJob) or not self.stopping:
            return False
        self.cut_off.append(job)
        self._queue.ended(job)
        return True

    def _epoch_ended(self, job: TrainJob, report: EpochReport) -> bool:
        stopping = self.stopping  # read once: Ctrl-C may set it at any moment
        # An epoch without a checkpoint was under way before the worker knew.
        stopping = stopping and not (self._checkpointing and report.checkpoint is None)
        self._enter_epoch(job, report, stopping=stopping)
        self.taken += 1
        self._listener.epoch_ended(job, report, self._ledger.trials[job.key])
        stop = report.final or stopping or self._is(job, "stopped")
        if stop:
            self._queue.ended(job)
        return stop

    def _evaluated(
        self, job: EvaluateJob | SharedMapJob, report: EvaluationReport | AbsentReport
    ) -> None:
        if isinstance(report, AbsentReport):
            failure = Failure(kind="absent", message=report.message)
            note_not_measured(self._ledger, job, failure, "absent")
        else:
            note_measured(self._ledger, job, report)
            self.taken += 1
        self._tell_evaluated(job, report)
        self._queue.ended(job)

    def _tell_evaluated(
        self, job: EvaluateJob | SharedMapJob, report: EvaluationReport | AbsentReport
    ) -> None:
        match job, report:
            case SharedMapJob(), EvaluationReport():
                self._listener.map_drawn(job, report)
            case SharedMapJob(), AbsentReport():
                self._listener.map_absent(job, report)
            case EvaluateJob(), EvaluationReport():
                self._listener.evaluated(job, report, self._ledger.trials[job.key])
            case EvaluateJob(), AbsentReport():
                self._listener.absent(job, report, self._ledger.trials[job.key])

    def _failed(
        self,
        job: Job,
        failure: Failure,
        worker: dict[str, Any] | None = None,
        *,
        counted: bool = True,
    ) -> None:
        if failure.kind == STORAGE:
            if isinstance(job, TrainJob):
                interrupt_attempt(self._ledger, job)
            raise StorageError(failure.message)
        failure = self._with_log(job, failure)
        if failure.kind in RETRIED:  # the queue decides whether there is another attempt
            failure = self._queue.lost(job, failure, counted=counted, worker=worker)
            self._tell_failed(job, failure)
            return
        if isinstance(job, TrainJob):
            fail_attempt(self._ledger, job, failure, worker or {})
        elif failure.kind != DAMAGED or not self._queue.train_again(job):
            note_not_measured(self._ledger, job, failure)
        self._tell_failed(job, failure)
        self._queue.ended(job)

    def _tell_failed(self, job: Job, failure: Failure) -> None:
        if isinstance(job, SharedMapJob):
            self._listener.map_failed(job, failure)
        else:
            self._listener.failed(job, failure, self._ledger.trials[job.key])

    def _with_log(self, job: Job, failure: Failure) -> Failure:
        """A failure whose traceback is in a file of its own."""
        if not failure.traceback:
            return failure
        path = job.failure_log
        content = failure.traceback.encode(errors="backslashreplace")
        store.write_bytes(self._ledger.folder / path, content)
        return failure.model_copy(update={"log": path})

    def _is(self, job: TrainJob, state: State) -> bool:
        return self._ledger.trials[job.key].state == state

    def _enter_epoch(self, job: TrainJob, report: EpochReport, *, stopping: bool) -> None:
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
