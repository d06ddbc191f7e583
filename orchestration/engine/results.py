"""The one place by which every result enters the ledger, whichever engine it comes from."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from orchestration import store
from orchestration.engine.epoch_entry import EpochEntry
from orchestration.engine.job_records import (
    fail_attempt,
    interrupt_attempt,
    note_measured,
    note_not_measured,
    note_worker,
)
from orchestration.engine.jobs import (
    Assignment,
    EvaluateJob,
    Job,
    PackJob,
    SharedMapJob,
    TrainJob,
    jobs_in,
)
from orchestration.engine.listener import Listener
from orchestration.engine.queue import Queue
from orchestration.engine.reports import (
    AbsentReport,
    EpochReport,
    EvaluationReport,
    FailureReport,
    OfJob,
    PackReport,
    ProgressReport,
    Report,
)
from orchestration.engine.retention import Retention
from orchestration.engine.retries import RETRIED, STORAGE
from orchestration.errors import StorageError, UserError
from orchestration.ledger.documents import DAMAGED, Failure, State
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import CHECKPOINT_NOW, left_pack
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
        self._listener = listener
        self._epochs = EpochEntry(spec, ledger, retention)
        self.stopping = False
        """Whether every job ends after its next report."""
        self._checkpointing = False
        self.broken: UserError | None = None
        """Why nothing can be written down any more: what is under way is dropped."""
        self.cut_off: list[Job] = []
        """Evaluations that were dropped half-way, because everything was to stop."""
        self.taken = 0
        """How many epochs and evaluations were written down."""

    def give_up(self, error: UserError) -> None:
        """Let everything end: something could not be written down, or may not be trained."""
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

    def begun(self, task: Assignment) -> None:
        """A worker has taken up what it was handed."""
        for job in jobs_in(task):
            if self.broken is None:
                self._begun(job)

    def _begun(self, job: Job) -> None:
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
        task: Assignment,
        failure: Failure,
        *,
        counted: bool = True,
        worker: dict[str, Any] | None = None,
    ) -> None:
        """A worker died under what it was at.

        Args:
            task: that was under way; of a pack each trial that had not ended is lost.
            failure: what is known of it; of a kind that is not tried again the job fails.
            counted: False where the job had no part in it, because Ray itself died: it is put back
                in line at once, and its retries are as many as before.
            worker: what is known of where it was.
        """
        with self._queue.together():
            for job in jobs_in(task):
                if self.broken is None and self._queue.is_under_way(job):
                    self._lost(job, failure, worker, counted=counted)

    def _lost(
        self, job: Job, failure: Failure, worker: dict[str, Any] | None, *, counted: bool
    ) -> None:
        try:
            if counted and isinstance(job, TrainJob) and not self._is(job, "running"):
                self._queue.begun(job)  # it died before it took the job up: an attempt tells of it
            self._failed(job, failure, worker, counted=counted)
        except StorageError as error:
            self.give_up(error)

    def report(self, task: Assignment, report: Report) -> bool:
        """Take a report in; True where the worker is to stop."""
        if self.broken is not None:
            return True
        try:
            if isinstance(task, PackJob) and isinstance(report, PackReport):
                with self._queue.together():  # its worker may have run out of memory
                    return self._pack_reported(task, report)
            if isinstance(task, PackJob) or isinstance(report, PackReport):
                raise TypeError(f"{type(task).__name__} reported {type(report).__name__}")
            return self._report(task, report)
        except StorageError as error:
            self.give_up(error)
            return True

    def _pack_reported(self, pack: PackJob, report: PackReport) -> bool:
        """Take in what each trial has to say; True where none of them goes on."""
        for job in pack.jobs:
            own = report.reports.get(job.key)
            # One that was stopped may say something once more, before its worker knows.
            if own is not None and self._queue.is_under_way(job):
                self._report(job, own)
            if self._is(job, "stopped") and own is not None:
                store.write_bytes(self._ledger.folder / left_pack(job.key, job.attempt), b"")
        return not self._queue.is_under_way(pack)

    def _report(self, job: Job, report: OfJob) -> bool:
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
        self._epochs.enter(job, report, stopping=stopping)
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
