"""What comes back from a worker: plain values that JSON can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class ProgressReport:
    """How far a worker is in the midst of an epoch or of an evaluation.

    Of that nothing is written down; who trains the trial is, as an epoch may take long.
    """

    share: float
    """In (0, 1)."""
    images_per_s: float = 0.0
    """Of a training."""
    epoch_s: float = 0.0
    """Seconds that the whole epoch will take; of a training."""
    worker: dict[str, Any] = field(default_factory=dict)
    """Of a training."""


@dataclass(frozen=True)
class EpochReport:
    """An epoch of training is over."""

    final: bool
    """Whether it was the last one."""
    from_epoch: int = 0
    """Epoch of the checkpoint that training began from; 0: from scratch."""
    epoch: dict[str, Any] | None = None
    """Its record; None where there was none left to train."""
    checkpoint: dict[str, Any] | None = None
    """Reference (epoch, path, sha256, bytes) to what it wrote, if it wrote one."""
    worker: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """Of the whole attempt so far."""


@dataclass(frozen=True)
class EvaluationReport:
    """A part was measured, or the shared map was drawn."""

    metrics: dict[str, float] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    """References (path, sha256, bytes) to its files."""
    facts: dict[str, str | int | float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class AbsentReport:
    """An evaluation cannot be had here, and nothing is wrong with the trial."""

    message: str


@dataclass(frozen=True)
class FailureReport:
    """A job has failed."""

    kind: str
    message: str
    traceback: str = ""
    worker: dict[str, Any] = field(default_factory=dict)


Report = ProgressReport | EpochReport | EvaluationReport | AbsentReport | FailureReport
_REPORTS = {
    kind.__name__: kind
    for kind in (ProgressReport, EpochReport, EvaluationReport, AbsentReport, FailureReport)
}


def on_node(report: Report, node: Mapping[str, str]) -> Report:
    """A report whose worker, where it names one, is noted with what is known of its node."""
    if not node or isinstance(report, EvaluationReport | AbsentReport):
        return report
    return replace(report, worker={**report.worker, **node})


def report_to_json(report: Report) -> str:
    """One line of text that names the report's type: floats in full, so that nothing changes."""
    return json.dumps({"type": type(report).__name__, **asdict(report)})


def report_from_json(text: str) -> Report:
    """The inverse of ``report_to_json``."""
    fields = json.loads(text)
    kind: type[Report] = _REPORTS[fields.pop("type")]
    return kind(**fields)
