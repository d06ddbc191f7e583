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


OfTrial = ProgressReport | EpochReport | FailureReport
"""Of a trial in training."""


@dataclass(frozen=True)
class PackReport:
    """What trials that are trained at once have to say, by key."""

    reports: dict[str, OfTrial]


OfJob = OfTrial | EvaluationReport | AbsentReport
Report = OfJob | PackReport
_REPORTS = {
    kind.__name__: kind
    for kind in (ProgressReport, EpochReport, EvaluationReport, AbsentReport, FailureReport)
}


def on_node(report: Report, node: Mapping[str, str]) -> Report:
    """A report whose worker, where it names one, is noted with what is known of its node."""
    if not node or isinstance(report, EvaluationReport | AbsentReport):
        return report
    if isinstance(report, PackReport):
        of_each = report.reports.items()
        return PackReport({key: _with_worker(own, node) for key, own in of_each})
    return _with_worker(report, node)


def _with_worker(report: OfTrial, node: Mapping[str, str]) -> OfTrial:
    return replace(report, worker={**report.worker, **node})


def report_to_json(report: Report) -> str:
    """One line of text that names the report's type: floats in full, so that nothing changes."""
    return json.dumps(_plain(report))


def report_from_json(text: str) -> Report:
    """The inverse of ``report_to_json``."""
    report: Report = _report(json.loads(text))
    return report


def _plain(report: Report) -> dict[str, Any]:
    if isinstance(report, PackReport):
        own = {key: _plain(each) for key, each in report.reports.items()}
        return {"type": "PackReport", "reports": own}
    return {"type": type(report).__name__, **asdict(report)}


def _report(fields: dict[str, Any]) -> Any:  # of the type that is named in them
    name = fields.pop("type")
    if name == "PackReport":
        return PackReport({key: _report(own) for key, own in fields["reports"].items()})
    return _REPORTS[name](**fields)
