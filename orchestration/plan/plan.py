"""From a sweep file to trials with keys, and to the studies that will ask for trials."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cvae_core.baselines import BASELINES
from cvae_core.config import DataConfig, TrialConfig
from cvae_core.evaluation.parts import baseline_lacks
from cvae_core.settings import merge
from orchestration.errors import UserError
from orchestration.spec.packing import packed
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import canonical, trial_key
from orchestration.study.cells import StudyPlan, plan_studies


def after_raw_pixels(model: str) -> bool:
    """A key to sort trials by, as they are handed out: first those whose probe may take minutes."""
    return model != "pixels"


@dataclass(frozen=True)
class Plan:
    """The trials of a sweep by key, in the order in which they are shown, and its studies."""

    trials: dict[str, TrialConfig]
    studies: dict[str, StudyPlan] = field(default_factory=dict)

    @property
    def configs(self) -> list[TrialConfig]:
        """Of the trials; of a study, whose trials are not known yet, an example."""
        return [*self.trials.values(), *(study.example for study in self.studies.values())]

    @property
    def datasets(self) -> dict[str, DataConfig]:
        """The data sets in use by ``DataConfig.dataset``, each once."""
        return {config.data.dataset: config.data for config in self.configs}

    @property
    def size(self) -> int:
        """How many trials there are in the end, as far as it is known; without replicates."""
        return len(self.trials) + sum(study.trials for study in self.studies.values())


def make_plan(spec: SweepSpec, content: Callable[[DataConfig], str] | None = None) -> Plan:
    """Grid × seeds, with combinations that compute the same thing collapsed into one trial.

    A VAE has no λ and no τ, so it runs once per remaining combination. With a search each
    combination is a study instead, and they collapse in the same way. The sweep's baselines come
    last.

    Args:
        spec: of the sweep.
        content: hash of a folder's images, which is part of a trial's identity; without it the
            trials of a folder have keys that are good for counting alone.

    Raises:
        UserError: two different configurations have the same key, or a folder has other images
            than were asked for.
    """
    cells = [
        packed(_with_content(TrialConfig.from_settings(cell), content), spec.resources)
        for cell in spec.cells()
    ]
    if spec.search is not None:
        return Plan(_by_key(_baselines(spec, cells)), plan_studies(spec.search, cells))
    return Plan(_by_key([*cells, *_baselines(spec, cells)]))


def _baselines(spec: SweepSpec, cells: Iterable[TrialConfig]) -> list[TrialConfig]:
    """The baselines beside each cell, as far as the evaluation measures something of them."""
    asked = list(BASELINES) if spec.baselines is True else spec.baselines or []
    parts = spec.evaluation.wanted()
    return [
        TrialConfig.from_settings(merge(cell.to_settings(), {"model": model}))
        for model in BASELINES
        if model in asked and any(baseline_lacks(model, part) is None for part in parts)
        for cell in cells
        if cell.model not in BASELINES
    ]


def _with_content(config: TrialConfig, content: Callable[[DataConfig], str] | None) -> TrialConfig:
    if config.data.name != "folder" or content is None:
        return config
    actual, asked = content(config.data), config.data.content
    if asked not in (None, actual):
        raise UserError(
            f"data.content: the images of {config.data.path or 'the folder'} have the content "
            f"{actual}, and {asked} was asked for; restore the files, or leave data.content out"
        )
    data = dataclasses.replace(config.data, content=actual)
    return dataclasses.replace(config, data=data)


def _by_key(configs: Iterable[TrialConfig]) -> dict[str, TrialConfig]:
    trials: dict[str, TrialConfig] = {}
    for config in configs:
        key = trial_key(config)
        earlier = trials.setdefault(key, config)
        if earlier is not config and canonical(earlier) != canonical(config):
            raise UserError(f"two trials have the same key {key}; change either of them a little")
    return trials
