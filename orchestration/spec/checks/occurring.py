"""What occurs in the trials of a sweep file, and where the file says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    return Trials(
        configs,
        frozenset(model for model in get_args(ModelName) if occurs("model", model, models)),
        evaluation,
        undecoded=occurs(
            "weights.reconstruction", 0, [config.weights.reconstruction for config in configs]
        ),
        augmented=occurs("augment", True, [config.augment for config in configs]),
    )


def check_views(errors: SpecErrors, content: Mapping[str, Any], trials: Trials) -> None:
    """That there are views to reconstruct where that is asked for."""
    if not trials.augmented and any(config.reconstruct == "view" for config in trials.configs):
        errors.add(
            place_of(content, "reconstruct"),
            "view means nothing without augment: true, which no trial has: write augment: true as "
            "well, or reconstruct: original",
        )


def place_of(content: Mapping[str, Any], name: str | None) -> Location:
    """Where a sweep file gives a trial's setting, the grid first; ``base`` where it does not."""
    grid = content.get("grid", {})
    sections: list[tuple[Location, Any]] = [(("grid",), grid)]
    if isinstance(grid, list):
        sections = [(("grid", number), each) for number, each in enumerate(grid)]
    for section, written in [*sections, (("base",), content.get("base", {}))]:
        for path, place, _ in entries(written, section):
            if ".".join(path) == name:
                return place
    return ("base",)
