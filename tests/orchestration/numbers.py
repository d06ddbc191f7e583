"""What trials have measured, exactly: the same for equal trials, whatever happened to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestration.ledger.documents import Trial


def numbers_of(trial: Trial) -> Any:
    """All metrics of a trial, by epoch and by part of its evaluation."""
    return (
        [(epoch.epoch, epoch.metrics) for epoch in trial.epochs],
        {name: part.metrics for name, part in trial.evaluations.items()},
    )


def numbers(trials: Mapping[str, Trial]) -> dict[str, Any]:
    """The same of all trials, by key."""
    return {key: numbers_of(trial) for key, trial in trials.items()}
