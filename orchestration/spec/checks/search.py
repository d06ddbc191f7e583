"""What is wrong with the section ``search``, by itself and beside the rest of the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cvae_core.evaluation.metrics import describe
from orchestration.spec.checks.metrics import (
    Trials,
    interval,
    measured_every,
    not_comparable,
    not_computed,
    sealed,
)
from orchestration.spec.checks.space import read_space
from orchestration.spec.checks.space_in_sweep import check_space
from orchestration.spec.checks.starting_points import read_points
from orchestration.spec.checks.values import Space
from orchestration.spec.errors import SpecErrors
from orchestration.spec.search import Objective, Search
from orchestration.spec.yaml_file import Location

WAYS = {"higher": "maximize", "lower": "minimize"}


@dataclass(frozen=True)
class Written:
    """The section as it was read, and where its settings stand."""

    search: Search
    space: Space


def read_search(errors: SpecErrors, section: Any) -> Written | None:
    """The section, checked by itself; None where there is little to go on with.

    Settings come under their dotted names, objectives with their directions.
    """
    if not isinstance(section, Mapping):
        errors.check(("search",), Search, section)
        return None
    space = read_space(errors, section.get("space", {}))
    # The space was checked with better words than those of a model.
    search: Search | None = errors.check(("search",), Search, {**section, "space": {}})
    if search is None:
        return None
    if not search.learns and "startup" in section:
        errors.add(("search", "startup"), f"means nothing to {search.sampler}; leave it out")
    objectives = _objectives(errors, search)
    points = read_points(errors, space, search.enqueue, search.trials)
    checked = {"space": space.parameters, "objectives": objectives, "enqueue": points}
    return Written(search.model_copy(update=checked), space)


def _objectives(errors: SpecErrors, search: Search) -> list[Objective]:
    if not search.objectives:
        errors.add(("search", "objectives"), "must name at least one metric")
    if search.replicates and len(search.objectives) > 1:
        errors.add(
            ("search", "replicates"),
            "needs one objective: with several there is no single best to train again",
        )
    directed, names = [], [objective.metric for objective in search.objectives]
    for index, objective in enumerate(search.objectives):
        place: Location = ("search", "objectives", index)
        if objective.metric in names[:index]:
            errors.add(place, f"{objective.metric} is there twice")
        directed.append(_directed(errors, place, objective))
    return directed


def _directed(errors: SpecErrors, place: Location, objective: Objective) -> Objective:
    """The objective with its direction."""
    metric, asked = describe(objective.metric), objective.direction
    refusal = sealed(objective.metric)
    if refusal is not None or metric is None:
        errors.add((*place, "metric"), str(refusal))
    elif metric.better is None:
        if asked is None:
            errors.add(
                (*place, "direction"),
                f"is missing, and of {objective.metric} neither more nor less is better by "
                "itself; write direction: minimize or maximize",
            )
    elif asked not in (None, WAYS[metric.better]):
        errors.add(
            (*place, "direction"),
            f"{objective.metric} is better the {metric.better} it is: write {WAYS[metric.better]}, "
            "or leave the direction out",
        )
    else:
        return objective.model_copy(update={"direction": WAYS[metric.better]})
    return objective


def check_search(
    errors: SpecErrors,
    written: Written,
    base: Mapping[str, Any],
    grids: Sequence[Mapping[str, list[Any]]],
    trials: Trials,
) -> None:
    """Check the section beside the rest of the file.

    Args:
        errors: where mistakes are noted.
        written: the section.
        base: the section of that name.
        grids: the grids, by dotted names.
        trials: of the grid's cells.
    """
    in_order = not errors.found_in("search")
    _check_objectives(errors, written, trials)
    if in_order:
        # Otherwise it would be about another space than the one that is meant.
        check_space(errors, written.space, base, grids, trials.configs)


def _check_objectives(errors: SpecErrors, written: Written, trials: Trials) -> None:
    for index, objective in enumerate(written.search.objectives):
        place: Location = ("search", "objectives", index)
        name, metric = objective.metric, describe(objective.metric)
        if metric is None or sealed(name) is not None:
            continue
        reason = not_computed(name, trials) or not_comparable(
            metric, name, written.space.places, trials
        )
        if reason is not None:
            errors.add((*place, "metric"), f"{name} {reason}")
        elif (
            any(config.selection.epoch == "best" for config in trials.configs)
            and measured_every(name, trials.evaluation) != 1
        ):
            errors.add(
                (*place, "metric"),
                f"{name} is needed after every epoch where selection.epoch is best; write "
                f"evaluation: {{{interval(name)}: 1}}, or selection: {{epoch: last}}",
            )
