"""What a trial is worth to its study, from its record of epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cvae_core.config import TrialConfig
from cvae_core.stages import preparation
from orchestration.ledger.documents import Epoch, Trial
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
        best = _best_epoch(trial, selection["metric"], selection["min_delta"])
        chosen = trial.epochs if best is None else [best]
    values = [record.metrics[metric] for record in chosen if metric in record.metrics]
    return values[-1] if values else None


def _best_epoch(trial: Trial, metric: str, min_delta: float) -> Epoch | None:
    """The best after the stages that prepare; None where it was stopped before."""
    staged = bool(trial.config.get("stages"))  # old trials know of none
    prepared = preparation(TrialConfig.from_settings(trial.config)) if staged else 0
    best, found = math.inf, None
    for record in trial.epochs:
        if record.epoch > prepared and record.metrics[metric] < best - min_delta:
            best, found = record.metrics[metric], record
    return found
