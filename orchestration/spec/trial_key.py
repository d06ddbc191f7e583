"""What makes a trial the trial that it is: all that decides what it computes, and its hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import NUMERICS, TrialConfig
from cvae_core.settings import chosen, counts_beside, means_something, plain, setting_name
from cvae_core.stages import stages_of

KEY_LENGTH = 10


def trial_key(config: TrialConfig) -> str:
    """A short hash of all that decides what a trial computes, hexadecimal."""
    return short_hash(canonical(config))


def short_hash(content: dict[str, Any]) -> str:
    """A hash of plain values, whatever the order of their names."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def canonical(config: TrialConfig) -> dict[str, Any]:
    """A configuration's identity: defaults filled in, irrelevant settings dropped.

    Settings that joined later are left out at their default, so that old keys stay. ``numerics``
    is raised whenever the project's arithmetic changes, and with it every key.
    """
    return {"numerics": NUMERICS, **relevant(config)}


def relevant(config: TrialConfig, *, identity: bool = True, places: bool = True) -> dict[str, Any]:
    """The settings that mean something to a trial, nested.

    Args:
        config: the trial's settings.
        identity: also leave out settings that joined later and stand at their default, places,
            and whatever else changes nothing, such as the names of stages.
        places: keep settings that say where something is and not what.
    """
    stages = stages_of(config)
    if config.stages != stages and (identity or not stages):
        config = dataclasses.replace(config, stages=stages)
    settings = _relevant(config, config, identity, places and not identity)
    baseline = BASELINES.get(config.model)
    return settings if baseline is None else chosen(settings, ("model", *baseline.settings))


def _relevant(group: Any, trial: TrialConfig, identity: bool, places: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for declared in dataclasses.fields(group):
        value = getattr(group, declared.name)
        if not means_something(declared, trial):
            continue
        if identity and declared.metadata["added"] and value == declared.default:
            continue
        if not places and not declared.metadata["identity"]:
            continue
        if not counts_beside(declared, group):
            continue
        if dataclasses.is_dataclass(value):
            value = _relevant(value, trial, identity, places)
            if not value:
                continue
        settings[setting_name(declared)] = plain(value)
    return settings
