"""What is wrong with the section ``scheduler``, by itself and beside the rest of the file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from cvae_core.config import DataConfig, TrialConfig
from cvae_core.evaluation.metrics import describe
from cvae_core.identity import relevant
from orchestration.spec.checks.metrics import (
    Trials,
    interval,
    measured_every,
    not_comparable,
    not_computed,
    sealed,
)
from orchestration.spec.checks.search import Written
from orchestration.spec.errors import SpecErrors
from orchestration.spec.flat_names import flat
from orchestration.spec.search import Scheduler
from orchestration.spec.search_layers import OWNERS
from orchestration.words import count


def read_scheduler(errors: SpecErrors, section: Any) -> Scheduler | None:
    """The section, checked by itself; None where there is little to go on with."""
    scheduler: Scheduler | None = errors.check(("scheduler",), Scheduler, section)
    if scheduler is None or not isinstance(section, Mapping):
        return None
    for name, owner in OWNERS.items():
        if name in section and scheduler.name != owner:
            errors.add(("scheduler", name), f"means nothing to {scheduler.name}; leave it out")
    place, metric = ("scheduler", "metric"), describe(scheduler.metric)
    refusal = sealed(scheduler.metric)
    if refusal is not None or metric is None:
        errors.add(place, str(refusal))
    elif not scheduler.metric.startswith("val/"):
        errors.add(
            place,
            f"{scheduler.metric} is of the training images, which every trial learns by heart in "
            "the end; write val/probe_accuracy or val/reconstruction",
        )
    elif metric.better is None:
        errors.add(
            place,
            f"of {scheduler.metric} neither more nor less is better by itself; write "
            "val/probe_accuracy or val/reconstruction",
        )
    else:
        return scheduler
    return None


def check_scheduler(
    errors: SpecErrors,
    scheduler: Scheduler,
    search: Written | None,
    trials: Trials,
) -> None:
    """Check the section beside the rest of the file.

    Args:
        errors: where mistakes are noted.
        scheduler: the section.
        search: the section of that name, if there is one.
        trials: of the grid's cells.
    """
    if search is not None and len(search.search.objectives) > 1:
        errors.add(
            ("scheduler",),
            "needs one objective: of trials that are best at several things none is behind; write "
            "one objective, or leave the scheduler out",
        )
    _check_time(errors, scheduler, trials)
    metric = describe(scheduler.metric)
    if metric is None:
        return
    # With a search, trials compete within their study: what the grid varies is alike there.
    varied = list(search.space.places) if search is not None else _varied(trials.configs)
    reason = not_computed(
        scheduler.metric, trials, needed_at_rungs=scheduler.name == "asha"
    ) or not_comparable(metric, scheduler.metric, varied, trials)
    if reason is not None:
        errors.add(("scheduler", "metric"), f"{scheduler.metric} {reason}")


def _check_time(errors: SpecErrors, scheduler: Scheduler, trials: Trials) -> None:
    """That there is an epoch before the last one after which a trial may be stopped."""
    epochs, grace = max(config.epochs for config in trials.configs), scheduler.grace_epochs
    place = ("scheduler", "grace_epochs")
    if grace >= epochs:
        errors.add(
            place,
            f"leaves nothing to be stopped: trials have {count(epochs, 'epoch')}, and after the "
            f"last one it is too late; {_fewer(epochs)}",
        )
        return
    every = measured_every(scheduler.metric, trials.evaluation)
    if scheduler.name == "median" and every and (epochs - 1) // every * every < grace:
        errors.add(
            place,
            f"leaves nothing to be stopped: {scheduler.metric}, measured every {every} epochs, is "
            f"not known from {grace} to {epochs - 1}; lower this, or "
            f"evaluation.{interval(scheduler.metric)}",
        )


def _fewer(epochs: int) -> str:
    return "leave the scheduler out" if epochs == 1 else f"write {max(1, epochs // 4)}"


def _varied(configs: Iterable[TrialConfig]) -> list[str]:
    """Dotted names of the settings in which trials differ that compete: those of the same data."""
    values: dict[tuple[DataConfig, str], set[str]] = {}
    for config in configs:
        data = dataclasses.replace(config.data, path=None)
        for name, value in flat(relevant(config, identity=False, places=False)).items():
            values.setdefault((data, name), set()).add(repr(value))
    return sorted({name for (_, name), reprs in values.items() if len(reprs) > 1})
