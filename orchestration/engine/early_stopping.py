"""Ray's schedulers, asked apart from Tune: they advise, and the ledger keeps what was decided."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import DataConfig, TrialConfig
from cvae_core.evaluation.metrics import sign_of
from orchestration.ledger.documents import Decision, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.checks.metrics import measured_every
from orchestration.spec.search import Scheduler
from orchestration.spec.sweep import SweepSpec

BEYOND = 2**31
"""More epochs than a trial has: its rungs are below it, whatever the others of its group have."""


def scheduler_text(scheduler: Scheduler) -> str:
    """A scheduler's name and the settings that change what it decides."""
    own = (
        {"reduction": scheduler.reduction}
        if scheduler.name == "asha"
        else {"min_trials": scheduler.min_trials}
    )
    settings = {"metric": scheduler.metric, "grace_epochs": scheduler.grace_epochs, **own}
    return " ".join([scheduler.name, *(f"{name}={value}" for name, value in settings.items())])


def decision_epochs(scheduler: Scheduler, epochs: int, interval: int) -> list[int]:
    """The epochs of a trial after which a scheduler decides; never the last.

    ASHA decides at its rungs, the median rule wherever there is a value anyway.

    Args:
        scheduler: as the sweep file has it.
        epochs: of the trial.
        interval: epochs between two values of the metric without the scheduler; 0: none.
    """
    if scheduler.name == "median":
        every = range(interval, epochs, interval) if interval else range(0)
        return [epoch for epoch in every if epoch >= scheduler.grace_epochs]
    rungs, rung = [], scheduler.grace_epochs
    while rung < epochs:
        rungs.append(rung)
        rung *= scheduler.reduction
    return rungs


def decision_epochs_of(spec: SweepSpec, ledger: Ledger, trial: Trial) -> list[int]:
    """The epochs after which a sweep's scheduler decides on a trial; none without a scheduler."""
    if spec.scheduler is None or group_of(ledger, trial) is None:
        return []
    interval = measured_every(spec.scheduler.metric, spec.evaluation)
    return decision_epochs(spec.scheduler, trial.config["epochs"], interval)


def group_of(ledger: Ledger, trial: Trial) -> Hashable | None:
    """What a trial has in common with those it competes with; None: it competes with none.

    A study's trials compete with each other, those of a grid where they have the same data, split
    and scaling. A study's replicates measure its winner, and are trained to their end; so are
    baselines.
    """
    if trial.config["model"] in BASELINES:
        return None
    for study in ledger.planned_studies():
        if any(ask.key == trial.key for ask in study.asks):
            return study.key
    if trial.key not in ledger.sweep.plan:
        return None
    return _data_of(json.dumps(trial.config["data"]))


@cache
def _data_of(settings: str) -> DataConfig:
    # Asked for at every decision; a sweep has few data sets.
    data = TrialConfig.from_settings({"data": json.loads(settings)}).data
    return replace(data, path=None)


class EarlyStopping:
    """Decides for the trials of one sweep, each among those of its group.

    What its record holds is taken into account first, in the order in which it was decided. What
    was decided with other settings is none of this scheduler's.

    Args:
        scheduler: as the sweep file has it.
        ledger: of the sweep.
    """

    def __init__(self, scheduler: Scheduler, ledger: Ledger) -> None:
        self._scheduler = scheduler
        self._ledger = ledger
        self._identity = scheduler_text(scheduler)
        self._groups: dict[Hashable, _Asked] = {}
        taken = [(each, trial) for trial in ledger.trials.values() for each in trial.decisions]
        self._taken = max((decision.number for decision, _ in taken), default=0)
        for decision, trial in sorted(taken, key=lambda pair: pair[0].number):
            group = group_of(ledger, trial)
            if group is not None and decision.scheduler == self._identity:
                self._asked(group).note(trial.key, decision.epoch, decision.value)

    def decide(self, trial: Trial, epoch: int, metrics: Mapping[str, float]) -> Decision | None:
        """Whether a trial is to stop; to be written down before it takes effect.

        Args:
            trial: with all decisions on it so far. What was decided of an epoch stays decided.
            epoch: one of its ``decision_epochs``.
            metrics: of that epoch.

        Returns:
            None where the metric is not among them, or the trial competes with none.
        """
        for decision in trial.decisions:
            if (decision.epoch, decision.scheduler) == (epoch, self._identity):
                return decision
        group, value = group_of(self._ledger, trial), metrics.get(self._scheduler.metric)
        if group is None or value is None:
            return None
        self._taken += 1
        return Decision(
            number=self._taken,
            epoch=epoch,
            rung=epoch,
            metric=self._scheduler.metric,
            value=value,
            stop=self._asked(group).ask(trial.key, epoch, value),
            scheduler=self._identity,
        )

    def _asked(self, group: Hashable) -> _Asked:
        if group not in self._groups:
            self._groups[group] = _Asked(self._scheduler)
        return self._groups[group]


@dataclass(frozen=True)
class _StandIn:
    """A trial as Ray's schedulers look at it."""

    trial_id: str


class _NoTune:
    """What the median rule asks about paused trials; there are none."""

    def get_live_trials(self) -> list[Any]:
        return []


class _Asked:
    """One of Ray's schedulers, for the trials of one group."""

    def __init__(self, scheduler: Scheduler) -> None:
        # Commands that only look at a sweep do not wait for Ray.
        from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule

        common: dict[str, Any] = {
            "time_attr": "epoch",
            "metric": "value",
            "mode": "max" if sign_of(scheduler.metric) > 0 else "min",
            "grace_period": scheduler.grace_epochs,
        }
        self._tune: Any = _NoTune()
        self._ray: Any
        if scheduler.name == "asha":
            self._ray = AsyncHyperBandScheduler(
                max_t=BEYOND,
                reduction_factor=scheduler.reduction,
                brackets=1,
                stop_last_trials=False,
                **common,
            )
        else:
            self._ray = MedianStoppingRule(
                min_samples_required=scheduler.min_trials, hard_stop=True, **common
            )

    def ask(self, key: str, epoch: int, value: float) -> bool:
        """Whether a trial is to stop; its value counts for the others from now on."""
        trial, result = self._result(key, epoch, value)
        return bool(self._ray.on_trial_result(self._tune, trial, result) == "STOP")

    def note(self, key: str, epoch: int, value: float) -> None:
        """Count a value of which it was decided before."""
        # Ray's schedulers take a last result in, and decide nothing.
        trial, result = self._result(key, epoch, value)
        self._ray.on_trial_complete(self._tune, trial, result)

    def _result(self, key: str, epoch: int, value: float) -> tuple[_StandIn, dict[str, float]]:
        trial = _StandIn(key)
        self._ray.on_trial_add(self._tune, trial)
        return trial, {"epoch": epoch, "value": value}
