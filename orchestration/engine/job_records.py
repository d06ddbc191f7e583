"""What the ledger is to hold of a job: an attempt at a trial, or the outcome of an evaluation."""

from __future__ import annotations

import time
from typing import Any, Literal

from orchestration.engine.jobs import EvaluateJob, SharedMapJob, TrainJob
from orchestration.engine.reports import EvaluationReport
from orchestration.ledger.documents import (
    ArtifactRef,
    Attempt,
    Evaluated,
    Failure,
    Trial,
    end_attempt,
)
from orchestration.ledger.ledger import Ledger


def begin_attempt(ledger: Ledger, job: TrainJob) -> None:
    """A worker trains the trial from now on."""
    from_epoch = job.checkpoints[0]["epoch"] if job.checkpoints else 0
    attempt = Attempt(number=job.attempt, from_epoch=from_epoch, began=time.time())

    def begin(trial: Trial) -> None:
        trial.state = "running"
        trial.error = None
        trial.attempts.append(attempt)

    ledger.change(job.key, begin)


def note_worker(ledger: Ledger, job: TrainJob, worker: dict[str, Any]) -> None:
    """Who trains the trial, unless that is known."""
    if worker and not ledger.trials[job.key].attempts[-1].worker:
        ledger.change(job.key, lambda trial: setattr(trial.attempts[-1], "worker", worker))


def interrupt_attempt(ledger: Ledger, job: TrainJob) -> None:
    """The attempt ends, and nothing is wrong with the trial."""
    ledger.change(job.key, lambda trial: end_attempt(trial, "interrupted", "pending"))


def lose_attempt(
    ledger: Ledger, job: TrainJob, failure: Failure, worker: dict[str, Any], *, counted: bool
) -> None:
    """The attempt has come to nothing, and another one may be free of that.

    Args:
        ledger: of the sweep.
        job: that was lost, begun or not.
        failure: with what follows from it; where it is not tried again, the trial has failed.
        worker: which one it was; empty: it could not say so.
        counted: whether this counts against ``retries``.
    """

    def lose(trial: Trial) -> None:
        if trial.state == "running":
            attempt = trial.attempts[-1]
            attempt.worker = attempt.worker or worker
            attempt.failure = failure.model_copy(update={"traceback": ""})
        state: Literal["pending", "failed"] = "failed" if failure.again_s is None else "pending"
        end_attempt(trial, "lost", state, counted=counted)
        trial.error = failure

    ledger.change(job.key, lose)


def fail_attempt(ledger: Ledger, job: TrainJob, failure: Failure, worker: dict[str, Any]) -> None:
    """The trial has failed, and no other attempt would be free of that."""

    def fail(trial: Trial) -> None:
        trial.attempts[-1].worker = {**trial.attempts[-1].worker, **worker}
        end_attempt(trial, "failed", "failed")
        trial.error = failure

    ledger.change(job.key, fail)


def note_measured(
    ledger: Ledger, job: EvaluateJob | SharedMapJob, report: EvaluationReport
) -> None:
    """An evaluation has come to this."""
    evaluated = Evaluated(
        state="finished",
        settings=job.settings,
        metrics=report.metrics,
        artifacts=[ArtifactRef.model_validate(ref) for ref in report.artifacts],
        facts=report.facts,
        warnings=report.notes,
        seconds=report.seconds,
        ended=time.time(),
    )
    _note(ledger, job, evaluated)


def note_not_measured(
    ledger: Ledger,
    job: EvaluateJob | SharedMapJob,
    failure: Failure,
    state: Literal["failed", "absent"] = "failed",
) -> None:
    """An evaluation has come to nothing; what an earlier one has found stays."""
    ended = time.time()
    _note(ledger, job, Evaluated(state=state, settings=job.settings, ended=ended, error=failure))


def _note(ledger: Ledger, job: EvaluateJob | SharedMapJob, evaluated: Evaluated) -> None:
    key = job.key if isinstance(job, EvaluateJob) else ""
    ledger.note_evaluation(key, job.entry, evaluated)
