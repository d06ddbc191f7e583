"""The one place by which every result enters the ledger, whichever engine it comes from."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from orchestration import store
from orchestration.engine.checkpoints import Retention
from orchestration.engine.early_stopping import EarlyStopping
from orchestration.engine.jobs import Job, Report
from orchestration.engine.queue import Queue
from orchestration.engine.retries import RETRIED, STORAGE
from orchestration.errors import StorageError
from orchestration.ledger.checkpoints import kept, usable
from orchestration.ledger.documents import (
    ArtifactRef,
    CheckpointRef,
    Epoch,
    Evaluated,
    Failure,
    Trial,
    end_attempt,
)
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import CHECKPOINT_NOW, failure_log
from orchestration.spec.sweep import Checkpoints

Listener = Callable[[Job, Report | None, Trial | None], None]
"""Told of a job's start (no report) and of its reports; no trial: it is about the whole sweep."""


class Results:
    """Writes each report down, then says whether its job is to stop."""

    def __init__(
        self,
        ledger: Ledger,
        queue: Queue,
        checkpoints: Checkpoints,
        listener: Listener,
        early_stopping: EarlyStopping | None = None,
        retention: Retention | None = None,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._checkpoints = checkpoints
        self._listener = listener
        self._early_stopping = early_stopping
        self._retention = retention
        self.stopping = False
        """Whether every job ends after its next report."""
        self._checkpointing = False
        self.broken: StorageError | None = None
        """Why nothing can be written down any more: what is under way is dropped."""
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

    def begun(self, job: Job) -> None:
        """A worker has taken a job up."""
        if self.broken is not None:
            return
        try:
            self._queue.begun(job)
        except StorageError as error:
            self.give_up(error)
            return
        self._listener(job, None, self._ledger.trials.get(job.key))

    def lost(self, job: Job, failure: Failure, *, counted: bool = True) -> None:
        """A worker died under a job.

        Args:
            job: that was under way.
            failure: what is known of it; of a kind that is not tried again the job fails.
            counted: False where the job had no part in it, because Ray itself died: it is put back
                in line at once, and its retries are as many as before.
        """
        if counted and job.kind == "train" and self._ledger.trials[job.key].state != "running":
            self._queue.begun(job)  # it died before it took the job up: an attempt tells of that
        report = Report("failed", final=True, failure=failure.model_dump())
        if failure.kind in RETRIED:
            self._again(job, report, counted=counted)
        else:
            self.report(job, report)

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
        failure = report.failure or {}
        if failure.get("kind") == STORAGE:
            if job.kind == "train":
                self._ledger.change(job.key, lambda t: end_attempt(t, "interrupted", "pending"))
            raise StorageError(failure["message"])
        if report.kind == "progress":
            self._listener(job, report, self._ledger.trials.get(job.key))
            # A part of an evaluation is begun anew another time; an epoch is awaited.
            if job.kind == "train" or not self.stopping:
                return False
            self._queue.ended(job)
            return True
        if report.failure is not None and report.failure["kind"] in RETRIED:
            self._again(job, report)
            return True
        stopping = self.stopping  # read once: Ctrl-C may set it at any moment
        if report.kind == "epoch":
            # One without a checkpoint was under way before the worker knew.
            stopping = stopping and not (self._checkpointing and report.checkpoint is None)
            self._epoch(job, report, stopping=stopping)
        else:
            report = self._with_log(job, report)
            self._outcome(job, report)
        self.taken += report.kind in ("epoch", "evaluated")
        self._listener(job, report, self._ledger.trials.get(job.key))
        stop = report.final or stopping or self._is_stopped(job)
        if stop:
            self._queue.ended(job)
        return stop

    def _again(self, job: Job, report: Report, *, counted: bool = True) -> None:
        """What another attempt may be free of: the queue decides whether there is one."""
        report = self._with_log(job, report)
        failure = Failure.model_validate(report.failure)
        failure = self._queue.lost(job, failure, counted=counted, worker=report.worker)
        report = dataclasses.replace(report, failure=failure.model_dump())
        self._listener(job, report, self._ledger.trials.get(job.key))

    def _is_stopped(self, job: Job) -> bool:
        return job.kind == "train" and self._ledger.trials[job.key].state == "stopped"

    def _with_log(self, job: Job, report: Report) -> Report:
        """The report of a failure, its traceback written to a file of its own."""
        failure = report.failure
        if failure is None or not failure.get("traceback"):
            return report
        path = failure_log(job.key, job.attempt, job.entry)
        store.write_bytes(
            self._ledger.folder / path, failure["traceback"].encode(errors="backslashreplace")
        )
        return dataclasses.replace(report, failure={**failure, "log": path})

    def _outcome(self, job: Job, report: Report) -> None:
        failure = None if report.failure is None else Failure.model_validate(report.failure)
        if job.kind == "evaluate":
            if failure and failure.kind == "checkpoint" and self._queue.train_again(job):
                return
            states: dict[str, Literal["failed", "absent"]]
            states = {"failed": "failed", "absent": "absent"}
            evaluated = Evaluated(
                state=states.get(report.kind, "finished"),
                settings=job.settings,
                metrics=report.metrics,
                artifacts=[ArtifactRef.model_validate(ref) for ref in report.artifacts],
                facts=report.facts,
                warnings=report.notes,
                seconds=report.seconds,
                ended=time.time(),
                error=failure,
            )
            self._ledger.note_evaluation(job.key, job.entry, evaluated)
            return

        def fail(trial: Trial) -> None:
            trial.attempts[-1].worker = report.worker or trial.attempts[-1].worker
            end_attempt(trial, "failed", "failed")
            trial.error = failure

        self._ledger.change(job.key, fail)

    def _epoch(self, job: Job, report: Report, *, stopping: bool) -> None:
        def enter(trial: Trial) -> None:
            attempt = trial.attempts[-1]
            attempt.worker = attempt.worker or report.worker
            attempt.from_epoch = report.from_epoch
            trial.notes += [note for note in report.notes if note not in trial.notes]
            if report.epoch is not None:
                record = Epoch.model_validate(report.epoch)
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
        if report.checkpoint is not None and self._retention is not None:
            self._retention.make_room(self._ledger)

    def _decides_to_stop(self, job: Job, trial: Trial, report: Report) -> bool:
        """Whether a scheduler stops the trial after this epoch; what it decides is noted."""
        epoch = (report.epoch or {}).get("epoch")
        if self._early_stopping is None or epoch not in job.decision_epochs:
            return False
        decision = self._early_stopping.decide(trial, epoch, trial.epochs[-1].metrics)
        if decision is None:
            return False
        if decision not in trial.decisions:
            trial.decisions = [*trial.decisions, decision]
        return decision.stop
