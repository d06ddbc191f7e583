"""What is wrong with schedules and stages beside the rest of a sweep file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.schedule_checks import PLACES, schedules
from cvae_core.stages import overrides, stages_of
from orchestration.spec.checks.occurring import grids_of, place_of
from orchestration.spec.checks.search import Written
from orchestration.spec.errors import SpecErrors
from orchestration.spec.flat_names import entries, flat
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_names import stages_text
from orchestration.spec.yaml_file import Location


# Five parameters: what was read of the file, and what became of it.
def check_course(
    errors: SpecErrors,
    spec: SweepSpec,
    content: Mapping[str, Any],
    configs: Sequence[TrialConfig],
    search: Written | None,
) -> None:
    """Check what concerns several sections, of trials that are in order one by one.

    Args:
        errors: where mistakes are noted.
        spec: base and grid.
        content: of the file, as it is written.
        configs: one of each cell.
        search: the section, if there is one.
    """
    searched = search.space.places if search else {}
    _check_lengths_are_given(errors, spec, content, searched)
    for name, place in searched.items():
        numbers = [n for config in configs for n in _with_own(config, name)]
        if numbers:
            errors.add(
                place,
                f"stages[{numbers[0]}] has {name} of its own, which no search changes; take it out "
                "there, or search stages: {choice: [[…], […]]}",
            )
    for number, (start, grid) in enumerate(grids_of(content)):
        staged = [config for config in _configs_of(spec, number) if config.stages]
        for path, place, _ in entries(grid, start):
            name = ".".join(path)
            if any(len(_with_own(config, name)) == len(config.stages) for config in staged):
                errors.add(
                    place,
                    "has no effect where every stage has its own; with a list of grids it can be "
                    "left out there",
                )
    _check_names(errors, content, configs)
    _check_vaes(errors, content, configs)
    _check_waits(errors, content, configs)


def _configs_of(spec: SweepSpec, number: int) -> list[TrialConfig]:
    """One of each cell of a grid, but for baselines."""
    configs = map(TrialConfig.from_settings, spec.cells_of(number))
    return [config for config in configs if config.model not in BASELINES]


def _with_own(config: TrialConfig, name: str) -> list[int]:
    """The stages that override a setting, by their number."""
    return [i for i, stage in enumerate(config.stages) if name in flat(overrides(stage))]


def _check_lengths_are_given(
    errors: SpecErrors,
    spec: SweepSpec,
    content: Mapping[str, Any],
    searched: Mapping[str, Location],
) -> None:
    """That no schedule has its length by default: there is none that suits."""
    said: set[str] = set()
    for cell in spec.cells():
        given = {*flat(cell), *searched}
        for name in PLACES:
            needs = f"schedule.{name}.shape" in given and f"schedule.{name}.epochs" not in given
            if not needs or name in said:
                continue
            if name in dict(schedules(TrialConfig.from_settings(cell))):
                said.add(name)
                errors.add(
                    place_of(("schedule", name, "shape"), content, cell),
                    "needs its length: write epochs: 10 beside it, or as many as it is to take",
                )


def _check_names(
    errors: SpecErrors, content: Mapping[str, Any], configs: Sequence[TrialConfig]
) -> None:
    """That stages which differ are not called alike, as trials are known by these names."""
    known: dict[str, Any] = {}
    for config in configs:
        settings = config.to_settings()
        text, stages = stages_text(settings["stages"]), stages_of(config)
        if known.setdefault(f"{config.model} {text}", stages) != stages:
            errors.add(
                place_of(("stages",), content, settings),
                f"other stages are called {text} as well; give one of them other names",
            )


def _check_waits(
    errors: SpecErrors, content: Mapping[str, Any], configs: Sequence[TrialConfig]
) -> None:
    """That no learning rate waits at 0 for whole epochs of each of its cycles."""
    for config in configs:
        factor = config.schedule.learning_rate
        waits = (1 - factor.rise) * factor.epochs / factor.cycles
        if factor.shape == "cyclical" and factor.end == 0 and waits >= 1:
            errors.add(
                place_of(("schedule", "learning_rate", "shape"), content, config.to_settings()),
                f"the learning rate stays 0 for {waits:g} epochs of each cycle, in which nothing "
                "is trained; write rise: 1, or an end above 0",
            )
            return


def _check_vaes(
    errors: SpecErrors, content: Mapping[str, Any], configs: Sequence[TrialConfig]
) -> None:
    """That a VAE reconstructs in some stage: it has no other loss but the KL divergence."""
    weight: Location = ("weights", "reconstruction")
    for config in configs:
        if config.model == "vae" and not config.decodes:
            at = ("stages", 0, *weight) if config.stages else weight
            errors.add(
                place_of(at, content, config.to_settings()),
                "a VAE that reconstructs nothing has no loss but the KL divergence, and learns "
                "nothing of the images; write a weight above 0, or model: cvae (in a grid of its "
                "own where VAEs stand beside it)",
            )
