"""From a sweep file to trials with keys."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cvae_core.config import NUMERICS, DataConfig, TrialConfig, setting_name
from orchestration.errors import UserError
from orchestration.spec import SweepSpec

KEY_LENGTH = 10


@dataclass(frozen=True)
class Plan:
    """The trials of a sweep by key, in the order in which they are to run."""

    trials: dict[str, TrialConfig]

    @property
    def datasets(self) -> dict[str, DataConfig]:
        """The data sets in use by ``DataConfig.dataset``, each once."""
        return {config.data.dataset: config.data for config in self.trials.values()}


def make_plan(spec: SweepSpec, content: Callable[[DataConfig], str] | None = None) -> Plan:
    """Grid × seeds, with combinations that compute the same thing collapsed into one trial.

    A VAE has no λ and no τ, so it runs once per remaining combination.

    Args:
        spec: of the sweep.
        content: hash of a folder's images, which is part of a trial's identity; without it the
            trials of a folder have keys that are good for counting alone.

    Raises:
        UserError: two different configurations have the same key, or a folder has other images
            than were asked for.
    """
    configs = (TrialConfig.from_settings(cell) for cell in spec.cells())
    return Plan(_by_key(_with_content(config, content) for config in configs))


def _with_content(config: TrialConfig, content: Callable[[DataConfig], str] | None) -> TrialConfig:
    if config.data.name != "folder" or content is None:
        return config
    found, asked = content(config.data), config.data.content
    if asked not in (None, found):
        raise UserError(
            f"data.content: the images of {config.data.path or 'the folder'} have the content "
            f"{found}, and {asked} was asked for; restore the files, or leave data.content out"
        )
    data = dataclasses.replace(config.data, content=found)
    return dataclasses.replace(config, data=data)


def _by_key(configs: Iterable[TrialConfig]) -> dict[str, TrialConfig]:
    trials: dict[str, TrialConfig] = {}
    for config in configs:
        key = trial_key(config)
        known = trials.setdefault(key, config)
        if canonical(known) != canonical(config):
            raise UserError(f"two trials have the same key {key}; change either of them a little")
    return trials


def trial_key(config: TrialConfig) -> str:
    """A short hash of all that decides what a trial computes, hexadecimal."""
    text = json.dumps(canonical(config), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def canonical(config: TrialConfig) -> dict[str, Any]:
    """A configuration's identity: defaults filled in, irrelevant settings dropped.

    Settings that joined later are left out at their default, so that old keys stay. ``numerics``
    is raised whenever the project's arithmetic changes, and with it every key.
    """
    return {"numerics": NUMERICS, **relevant(config)}


def relevant(config: TrialConfig, *, identity: bool = True, places: bool = True) -> dict[str, Any]:
    """The settings that mean something to a trial's model, nested.

    Args:
        config: the trial's settings.
        identity: also leave out settings that joined later and stand at their default, and places.
        places: keep settings that say where something is and not what.
    """
    return _relevant(config, config.model, identity, places and not identity)


def _relevant(group: Any, model: str, identity: bool, places: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for declared in dataclasses.fields(group):
        value = getattr(group, declared.name)
        if declared.metadata["only"] not in (None, model):
            continue
        if identity and declared.metadata["added"] and value == declared.default:
            continue
        if not places and not declared.metadata["identity"]:
            continue
        if dataclasses.is_dataclass(value):
            value = _relevant(value, model, identity, places)
        result[setting_name(declared)] = list(value) if isinstance(value, tuple) else value
    return result
