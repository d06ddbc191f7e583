"""What a trial of the ledger means to its study."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestration.ledger.documents import Trial
from orchestration.spec.search import Objective
from orchestration.study.values import values_of


@dataclass(frozen=True)
class Outcome:
    """What came of an ask. There is no number in it that is not finite."""

    state: Literal["running", "complete", "pruned", "diverged", "failed"]
    """diverged: its settings are to blame, while a failure says nothing of them."""
    values: tuple[float, ...] = ()
    """One per objective; none while it runs, where it failed, or was stopped unmeasured."""
    intermediate: Mapping[int, float] = field(default_factory=dict)
    """Epoch to the only objective's value; of a pruned one the last is what counts."""


def outcome_of(trial: Trial, objectives: Sequence[Objective]) -> Outcome:
    """A trial as its study has to be told it.

    A trial that a scheduler stopped is worth what it had at that rung: with the best epoch's
    weights it would be compared at an epoch that others of its rung have not been judged at.
    """
    if trial.state == "stopped":
        reached = _intermediate(trial, objectives, trial.decisions[-1].epoch)
        return Outcome("pruned", tuple(reached.values())[-1:], reached)
    intermediate = _intermediate(trial, objectives, trial.epoch)
    if trial.is_open:
        return Outcome("running", (), intermediate)
    values = values_of(trial, objectives) if trial.state == "finished" else None
    if trial.has_diverged or (values is not None and not all(map(math.isfinite, values))):
        return Outcome("diverged", (), intermediate)
    if values is None:
        return Outcome("failed", (), intermediate)
    return Outcome("complete", values, intermediate)


def _intermediate(
    trial: Trial, objectives: Sequence[Objective], last_epoch: int
) -> dict[int, float]:
    """The only objective's value by epoch; several objectives have none, as in Optuna."""
    if len(objectives) != 1:
        return {}
    metric = objectives[0].metric
    return {
        record.epoch: record.metrics[metric]
        for record in trial.epochs
        if record.epoch <= last_epoch and math.isfinite(record.metrics.get(metric, math.nan))
    }
