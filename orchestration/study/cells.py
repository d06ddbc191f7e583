"""From the section ``search`` to studies: one in each cell of the grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cvae_core.config import NUMERICS, TrialConfig
from cvae_core.errors import ConfigError
from cvae_core.identity import relevant
from cvae_core.settings import merge
from orchestration.spec.dimensions import Dimension, dimensions_of, suggested
from orchestration.spec.flat_names import flat, nested_of
from orchestration.spec.search import Objective, Search
from orchestration.spec.settings import deciding
from orchestration.spec.trial_key import short_hash
from orchestration.spec.trial_names import Names, settings_of

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
        """A trial from the midst of the space: a CVAE where the model is searched."""
        searched = {dimension.name for dimension in self.dimensions}
        deciding_here = {n: value for n, value in deciding().items() if n in searched}
        midst = suggested(
            self.dimensions, flat(self.fixed), lambda d: deciding_here.get(d.name, d.middle)
        )
        try:
            return self.config(midst)
        except ConfigError:  # they are not allowed together; each suggestion is looked at by itself
            return self.config(deciding_here)

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
    names = Names(map(settings_of, cells))
    studies: dict[str, StudyPlan] = {}
    for cell in cells:
        dimensions = dimensions_of(search.space, cell)
        by_name = {dimension.name: dimension for dimension in dimensions}
        # Where it is searched what others mean, the settings of either case are the study's.
        widest = {name: value for name, value in deciding().items() if name in by_name}
        own = flat(cell.to_settings())
        cell = TrialConfig.from_settings(merge(cell.to_settings(), nested_of(widest)))
        always = {name for name, dimension in by_name.items() if not dimension.when}
        # Where they are not searched they are what the cell says.
        sometimes = {name: own[name] for name in widest.keys() - always}
        identity = {
            "numerics": NUMERICS,
            "fixed": _without(flat(relevant(cell)), always) | sometimes,
            "space": [[name, dimension.to_json()] for name, dimension in by_name.items()],
            "objectives": [[o.metric, o.direction] for o in search.objectives],
            "sampler": [search.sampler, search.seed] + ([search.startup] if search.learns else []),
        }
        key = short_hash(identity)
        studies.setdefault(
            key,
            StudyPlan(
                key=key,
                name=names.name(cell, model="model" not in by_name) or "all",
                fixed=nested_of(_without(flat(relevant(cell, identity=False)), always) | sometimes),
                dimensions=dimensions,
                objectives=tuple(search.objectives),
                seed=(search.seed + SEEDS_APART * cell.seed) % 2**32,
                trials=search.trials,
                replicates=search.replicates,
            ),
        )
    return studies


def _without(settings: Mapping[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}
