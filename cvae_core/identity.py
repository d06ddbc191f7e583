"""Which of a trial's settings mean something to it."""

from __future__ import annotations

import dataclasses
from typing import Any

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.settings import (
    Checked,
    chosen,
    counts_beside,
    declared_in,
    means_something,
    plain,
    setting_name,
)
from cvae_core.stages import stages_of


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
    if identity and config.architecture.output == config.data.output:
        shape = dataclasses.replace(config.architecture, output="auto")
        config = dataclasses.replace(config, architecture=shape)
    settings = _relevant(config, config, identity, places and not identity)
    baseline = BASELINES.get(config.model)
    return settings if baseline is None else chosen(settings, ("model", *baseline.settings))


def _relevant(group: Any, trial: TrialConfig, identity: bool, places: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for declared in declared_in(type(group)):
        about, value = declared.metadata, getattr(group, declared.name)
        if about["where"] and not means_something(declared, trial):
            continue
        if identity and about["added"] and value == declared.default:
            continue
        if not places and not about["identity"]:
            continue
        if about["when"] is not None and not counts_beside(declared, group):
            continue
        if isinstance(value, Checked):
            value = _relevant(value, trial, identity, places)
            if not value:
                continue
        settings[setting_name(declared)] = plain(value)
    return settings


def differences(a: dict[str, Any], b: dict[str, Any], prefix: str = "") -> list[str]:
    """Names, with dots, of nested settings that two trials do not have in common."""
    names = []
    for key in sorted(a.keys() | b.keys()):
        left, right = a.get(key), b.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            names += differences(left, right, f"{prefix}{key}.")
        elif left != right:
            names.append(prefix + key)
    return names
