"""What occurs in the trials of a sweep file, and where the file says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from cvae_core.config import TrialConfig
from cvae_core.settings import ModelName
from orchestration.spec.checks.metrics import Trials
from orchestration.spec.checks.values import Space, within
from orchestration.spec.errors import SpecErrors
from orchestration.spec.evaluation import Evaluation
from orchestration.spec.flat_names import entries
from orchestration.spec.yaml_file import Location


def trials_of(
    configs: Sequence[TrialConfig], evaluation: Evaluation, space: Space | None
) -> Trials:
    """What is known of a sweep's trials before any is trained.

    Args:
        configs: one of each cell.
        evaluation: the section of that name.
        space: what is searched; None: nothing is.
    """

    def occurs(name: str, value: Any, fixed: Sequence[Any]) -> bool:
        if space is not None and name in space.parameters:
            return within(name, space.parameters[name], value)
        return value in fixed

    models = [config.model for config in configs]
    weights = [float(config.decodes) for config in configs]
    return Trials(
        configs,
        frozenset(model for model in get_args(ModelName) if occurs("model", model, models)),
        evaluation,
        undecoded=occurs("weights.reconstruction", 0, weights),
        augmented=occurs("augment", True, [config.augment for config in configs]),
    )


def check_views(errors: SpecErrors, content: Mapping[str, Any], trials: Trials) -> None:
    """That there are views to reconstruct where that is asked for."""
    asks = [config for config in trials.configs if config.reconstruct == "view"]
    if asks and not trials.augmented:
        errors.add(
            place_of(("reconstruct",), content, asks[0].to_settings()),
            "view means nothing without augment: true, which no trial has: write augment: true as "
            "well, or reconstruct: original",
        )


def place_of(at: Location, content: Mapping[str, Any], cell: Mapping[str, Any]) -> Location:
    """Where a setting of a trial stands in a file: in the grid if it is varied there, else in base.

    Args:
        at: the way to the setting, from the trial's settings on.
        content: of the file.
        cell: the trial's settings, nested.
    """
    other: Location | None = None
    for start, grid in grids_of(content):
        for path, place, values in entries(grid, start):
            if at and at[: len(path)] == path and isinstance(values, list):
                own: Any = cell
                for name in path:
                    own = own.get(name) if isinstance(own, Mapping) else None
                if own in values:
                    return (*place, values.index(own), *at[len(path) :])
                other = other or (*place, *at[len(path) :])  # of another grid of the list
    return other or ("base", *at)


def grids_of(content: Mapping[str, Any]) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    """The grids of a file, and where each stands."""
    grids = content.get("grid", {})
    if isinstance(grids, Mapping):
        yield ("grid",), grids
    else:
        yield from ((("grid", index), grid) for index, grid in enumerate(grids))
