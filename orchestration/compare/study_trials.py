"""The trials of a study: what was asked for, what came of it, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from orchestration.ledger.documents import TRAINED, State, Study, Trial
from orchestration.ledger.machines import cpus_of
from orchestration.ledger.told_state import told_state
from orchestration.spec.search import Objective
from orchestration.study.progress import distinct, objectives_of
from orchestration.study.values import values_of


@dataclass(frozen=True)
class Searched:
    """One trial of a study."""

    number: int
    """Of the ask that first meant it."""
    key: str
    params: Mapping[str, Any]
    origin: str
    state: State
    values: tuple[float, ...] | None
    """One per objective; None where one was not measured, or is not finite."""
    cpu_s: float
    """Seconds of all its epochs on record, times the CPUs that it had."""
    ended: float
    """When its last attempt or, if that has not ended, its last epoch did, or when it was taken
    over; 0 before any."""
    test: Mapping[str, float]
    """What its evaluation found."""

    @property
    def counts(self) -> bool:
        """Whether it is one of the trials that its study was to have."""
        return self.state in TRAINED

    @property
    def rated(self) -> bool:
        """Whether it may be best: a stopped trial may not, it was not trained to its end."""
        return self.state == "finished" and self.values is not None


def searched(study: Study, trials: Mapping[str, Trial], cpu: int, *, alive: bool) -> list[Searched]:
    """A study's trials in the order in which they were asked for, each once.

    Args:
        study: whose asks they are; what repeats its best is not among them.
        trials: of the ledger, by key.
        cpu: CPUs of each trial, where its attempts do not say it.
        alive: whether a driver is at work on them.
    """
    objectives = objectives_of(study)
    searched_trials = []
    for ask in distinct(study):
        # An ask is written down before its trial is.
        trial = trials.get(ask.key, Trial(key=ask.key, config={}))
        searched_trials.append(
            Searched(
                number=ask.number,
                key=ask.key,
                params=ask.params,
                origin=ask.origin,
                state=cast(State, told_state(trial.state, alive=alive)),
                values=finite_values(trial, objectives),
                cpu_s=trial.train_s * cpus_of(trial, cpu),
                ended=_ended(trial),
                test=found_by_evaluation(trial),
            )
        )
    return searched_trials


def finite_values(trial: Trial, objectives: Sequence[Objective]) -> tuple[float, ...] | None:
    """A trial's values; None where one was not measured, or is not finite."""
    values = values_of(trial, objectives) if trial.epochs else None
    return values if values is not None and all(map(math.isfinite, values)) else None


def found_by_evaluation(trial: Trial) -> dict[str, float]:
    """The metrics of a trial's evaluation, without those of training and of earlier epochs."""
    metrics: dict[str, float] = {}
    for entry, part in trial.evaluations.items():
        if "@" not in entry:
            metrics |= part.metrics
    return metrics


def _ended(trial: Trial) -> float:
    if trial.taken_over is not None:  # before, the search did not know of it
        return trial.taken_over
    ended = trial.attempts[-1].ended if trial.attempts else None
    if ended is not None:
        return ended
    return trial.epochs[-1].at if trial.epochs else 0.0
