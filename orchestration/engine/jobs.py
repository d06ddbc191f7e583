"""What goes to a worker: plain values that JSON can hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from orchestration.ledger.names import split_entry
from orchestration.ledger.paths import artifacts_of, failure_log


@dataclass(frozen=True)
class TrainJob:
    """Train a trial from its newest good checkpoint."""

    key: str
    """Of the trial."""
    config: dict[str, Any]
    attempt: int
    checkpoints: list[dict[str, Any]]
    """References (epoch, path, sha256), newest first."""
    probe_every: int
    fd_every: int
    fd_settings: dict[str, Any]
    """Of the distance that is measured on validation meanwhile."""
    decision_epochs: list[int]
    """After these a scheduler decides: there is a checkpoint then, and its metric."""
    decision_metric: str
    """What it decides by; empty: there is none."""
    every_epochs: int | None
    min_interval_s: float

    @property
    def failure_log(self) -> str:
        """Place of its traceback."""
        return failure_log(self.key, f"a{self.attempt}")


@dataclass(frozen=True)
class EvaluateJob:
    """Evaluate one part of a trained trial."""

    key: str
    """Of the trial."""
    config: dict[str, Any]
    attempt: int
    """The one that the trial was trained by."""
    checkpoint: dict[str, Any] | None
    """Reference (epoch, path, sha256); None: the trial has none."""
    part: str
    entry: str
    """Where the part's outcome goes among the trial's evaluations."""
    settings: dict[str, Any]
    """Of the part, and its split."""
    label: str
    """What people call the trial."""
    epochs: list[dict[str, Any]]
    """Records of the trial's epochs, where the part draws curves."""

    @property
    def is_of_an_epoch(self) -> bool:
        """Whether it is about the weights that the trial had after one of its epochs.

        Else it is about those that the trial ends with, which selection may have chosen.
        """
        return split_entry(self.entry)[1] is not None

    @property
    def artifacts(self) -> str:
        """Folder of its files."""
        return artifacts_of(self.key, self.entry)

    @property
    def failure_log(self) -> str:
        """Place of its traceback."""
        return failure_log(self.key, f"a{self.attempt}", self.entry)


@dataclass(frozen=True)
class SharedMapJob:
    """Draw one map of trials, each of which was evaluated alone before."""

    part: str
    """That draws the map of each."""
    entry: str
    """Where the outcome goes among the sweep's evaluations."""
    settings: dict[str, Any]
    """Of the part, and its split."""
    trials: list[dict[str, Any]]
    """Key, label, config and checkpoint of each."""

    @property
    def artifacts(self) -> str:
        """Folder of its files."""
        return artifacts_of(self.entry)

    @property
    def failure_log(self) -> str:
        """Place of its traceback."""
        return failure_log(self.entry)


@dataclass(frozen=True)
class PackJob:
    """Train trials of one shape at once; what comes of each is its own."""

    jobs: list[TrainJob]


TrialJob = TrainJob | EvaluateJob
"""About one trial, whose key it has."""
Job = TrialJob | SharedMapJob
"""What is under way, is tried again and comes to an end."""
Assignment = Job | PackJob
"""What a worker is handed."""
_ASSIGNMENTS = {kind.__name__: kind for kind in (TrainJob, EvaluateJob, SharedMapJob, PackJob)}


def jobs_in(task: Assignment) -> Sequence[Job]:
    """The jobs that a worker is handed at once."""
    return task.jobs if isinstance(task, PackJob) else [task]


def job_to_json(job: Assignment) -> str:
    """One line of text that names the job's type."""
    return json.dumps({"type": type(job).__name__, **asdict(job)})


def job_from_json(text: str) -> Assignment:
    """The inverse of ``job_to_json``."""
    fields = json.loads(text)
    kind: type[Assignment] = _ASSIGNMENTS[fields.pop("type")]
    if kind is PackJob:
        return PackJob([TrainJob(**job) for job in fields["jobs"]])
    return kind(**fields)


class JobHandle:
    """What Tune is handed of a job: it keeps all that it is handed to the end, in many copies.

    All copies within a process are this one, so that ``release`` lets go of the job in all of them.
    """

    def __init__(self, job: Assignment) -> None:
        self._text = job_to_json(job)

    def job(self) -> Assignment:
        """The job, until it is released."""
        return job_from_json(self._text)

    def release(self) -> None:
        """Let go of the job, of which nobody asks any more."""
        self._text = ""

    def __deepcopy__(self, memo: object) -> JobHandle:
        return self

    def __repr__(self) -> str:
        return "job"
