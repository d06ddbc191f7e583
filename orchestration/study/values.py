"""What a trial is worth to its study, from its record of epochs."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.ledger.documents import Trial
from orchestration.ledger.weights import of_final_weights
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
    chosen = of_final_weights(trial)
    values = [record.metrics[metric] for record in chosen if metric in record.metrics]
    return values[-1] if values else None
