"""What goes to a worker and what comes back: plain values that JSON can hold."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Job:
    """Train a trial from its newest good checkpoint, or evaluate one part of it."""

    kind: Literal["train", "evaluate"]
    key: str
    config: dict[str, Any]
    attempt: int
    checkpoints: list[dict[str, Any]]
    """References (epoch, path, sha256), newest first."""
    part: str = ""
    entry: str = ""
    """Where the part's outcome goes among the trial's evaluations."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the part, and its split."""
    label: str = ""
    """What people call the trial."""
    trials: list[dict[str, Any]] = field(default_factory=list)
    """Of a job about the whole sweep, whose key is empty: key, label, config and checkpoint of
    each."""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    """Records of the trial's epochs, for curves."""
    probe_every: int = 0
    fd_every: int = 0
    decision_epochs: list[int] = field(default_factory=list)
    """After these a scheduler decides: there is a checkpoint then, and its metric."""
    decision_metric: str = ""
    """What it decides by."""
    every_epochs: int | None = None
    min_interval_s: float = 5.0

    def to_json(self) -> str:
        """One line of text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Job:
        """The inverse of ``to_json``."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Report:
    """What a worker says after a step of a job."""

    kind: Literal["progress", "epoch", "evaluated", "absent", "failed"]
    final: bool
    """Whether the job is done with this."""
    from_epoch: int = 0
    """Epoch of the checkpoint that training began from; 0: from scratch."""
    epoch: dict[str, Any] | None = None
    """Record of an epoch; None where there was none left to train. In the midst of an epoch: what
    ``share`` of it is done, ``images_per_s`` and ``epoch_s`` as far as they can be told; in the
    midst of an evaluation its ``share`` alone."""
    checkpoint: dict[str, Any] | None = None
    """Reference to the checkpoint that this epoch wrote, if it wrote one."""
    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    """References (path, sha256, bytes) to the files of an evaluation."""
    facts: dict[str, str | int | float] = field(default_factory=dict)
    seconds: float = 0.0
    failure: dict[str, Any] | None = None
    """Why it failed, or cannot be had (``absent``)."""
    worker: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """One line of text: floats in full, so that nothing changes on the way."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The inverse of ``to_json``."""
        return cls(**json.loads(text))
