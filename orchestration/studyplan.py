"""From the section ``search`` to studies: one in each cell of the grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cvae_core.config import NUMERICS, TrialConfig, merge
from orchestration.flatten import flat, nested_of
from orchestration.identity import relevant, short_hash
from orchestration.naming import Names
from orchestration.searchspec import Objective, Parameter, Search
from orchestration.settings import model_of, number_type
from orchestration.spaces import Dimension

SEEDS_APART = 1_000_003
"""Searches that are repeated with other seeds begin with other suggestions, too."""


@dataclass(frozen=True)
class StudyPlan:
    """A study as a sweep file means it."""

    key: str
    name: str
    """The cell's settings, for people: such as ``cvae``, or ``cvae latent_dim=16 seed=1``."""
    fixed: dict[str, Any]
    """Settings of every trial of it, nested."""
    dimensions: tuple[Dimension, ...]
    objectives: tuple[Objective, ...]
    """Each with a direction."""
    seed: int
    """Of the suggestions: the same for every model, another one for every seed of the trials."""
    trials: int
    replicates: int = 0
    """How often its best trial is trained again, with new seeds."""

    @property
    def example(self) -> TrialConfig:
        """A trial that could be one of its own."""
        return TrialConfig.from_settings(self.fixed)

    def config(self, params: Mapping[str, Any]) -> TrialConfig:
        """The trial that suggested settings (under dotted names) mean.

        Raises:
            ConfigError: together with the others they are not allowed.
        """
        return TrialConfig.from_settings(merge(self.fixed, nested_of(params)))


def plan_studies(search: Search, cells: Iterable[TrialConfig]) -> dict[str, StudyPlan]:
    """A study for each cell, by key; cells that would search the same thing are one.

    Args:
        search: of the sweep file, found to be in order.
        cells: of the grid, each with a seed.
    """
    cells = list(cells)
    names = Names(cells)
    studies: dict[str, StudyPlan] = {}
    for cell in cells:
        dimensions = dimensions_of(search.space, cell)
        by_name = {dimension.name: dimension for dimension in dimensions}
        if "model" in by_name:  # then the settings of both models are the study's
            cell = TrialConfig.from_settings(merge(cell.to_settings(), {"model": "cvae"}))
        always = {name for name, dimension in by_name.items() if not dimension.when}
        identity = {
            "numerics": NUMERICS,
            "fixed": _without(flat(relevant(cell)), always),
            "space": [[name, dimension.to_json()] for name, dimension in by_name.items()],
            "objectives": [[o.metric, o.direction] for o in search.objectives],
            "sampler": [search.sampler, search.seed]
            + ([search.startup] if search.sampler == "tpe" else []),
        }
        key = short_hash(identity)
        studies.setdefault(
            key,
            StudyPlan(
                key=key,
                name=names.name(cell, model="model" not in by_name) or "all",
                fixed=nested_of(_without(flat(relevant(cell, identity=False)), always)),
                dimensions=dimensions,
                objectives=tuple(search.objectives),
                seed=(search.seed + SEEDS_APART * cell.seed) % 2**32,
                trials=search.trials,
                replicates=search.replicates,
            ),
        )
    return studies


def dimensions_of(space: Mapping[str, Parameter], cell: TrialConfig) -> tuple[Dimension, ...]:
    """What is searched in a cell, in an order that does not depend on the file's.

    What means nothing to the cell's model, or whose ``when`` never holds there, is left out.
    """
    found: dict[str, Dimension] = {}
    fixed = flat(cell.to_settings())
    left = {name: _dimension(name, parameter, space) for name, parameter in sorted(space.items())}
    while left:
        ready = [n for n, dimension in left.items() if not dimension.when.keys() & left.keys()]
        if not ready:
            raise ValueError(f"conditions go round in a circle: {', '.join(left)}")
        name = ready[0]
        dimension = left.pop(name)
        # What the grid fixes is settled here; what is searched is asked for first.
        open_ = {other: v for other, v in dimension.when.items() if other in space}
        settled = dimension.when.keys() - open_.keys()
        possible = all(fixed.get(other) in dimension.when[other] for other in settled)
        if possible and open_.keys() <= found.keys():
            found[name] = Dimension(**{**vars(dimension), "when": open_})
    return tuple(found.values())


def _dimension(name: str, parameter: Parameter, space: Mapping[str, Parameter]) -> Dimension:
    path = tuple(name.split("."))
    when = {
        other: tuple(values) if isinstance(values, list) else (values,)
        for other, values in flat(parameter.when).items()
    }
    only = model_of(path)
    if only is not None:
        when.setdefault("model", (only,))
    if parameter.choice is not None:
        return Dimension(name, "choice", choices=tuple(parameter.choice), when=when)
    low, high = parameter.log or parameter.range or (0.0, 0.0)
    kind = number_type(path) or float
    step = parameter.step
    return Dimension(
        name,
        "int" if kind is int else "float",
        low=kind(low),
        high=kind(high),
        log=parameter.log is not None,
        step=None if step is None else kind(step),
        when=when,
    )


def _without(settings: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}
