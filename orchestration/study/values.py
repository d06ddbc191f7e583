"""What a trial is worth to its study, from its record of epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orchestration.ledger.documents import Trial
from orchestration.spec.search import Objective


def values_of(trial: Trial, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    """One value per objective; None where one of them was not measured."""
    values = [value_of(trial, objective.metric) for objective in objectives]
    measured = [value for value in values if value is not None]
    return tuple(measured) if len(measured) == len(values) else None


def value_of(trial: Trial, metric: str) -> float | None:
    """A metric of the weights that the trial ends with; None where it was not measured.

    That is its last value, or that of the best epoch where the trial ends with that one's weights.
    """
    selection = trial.config["selection"]
    chosen = trial.epochs
    if selection["epoch"] == "best":
        epoch = _best_epoch(trial, selection["metric"], selection["min_delta"])
        chosen = [record for record in trial.epochs if record.epoch == epoch]
    values = [record.metrics[metric] for record in chosen if metric in record.metrics]
    return values[-1] if values else None


def _best_epoch(trial: Trial, metric: str, min_delta: float) -> int:
    best, best_epoch = math.inf, 0
    for record in trial.epochs:
        if record.metrics[metric] < best - min_delta:
            best, best_epoch = record.metrics[metric], record.epoch
    return best_epoch
