"""Which trials of a sweep are trained at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.training.packs.together import why_alone
from orchestration.spec.errors import SpecErrors
from orchestration.spec.sweep import Resources


def packed(config: TrialConfig, resources: Resources) -> TrialConfig:
    """A trial that says of itself whether it is trained in a pack: its numbers tell."""
    if resources.pack == 1 or why_alone(config) is not None:
        return config
    return dataclasses.replace(config, packed=True)


def check_packs(errors: SpecErrors, content: Mapping[str, Any], resources: Resources) -> None:
    """Refuse packs where they are of no use or cannot be done, and the setting that is theirs.

    Args:
        errors: where mistakes are noted.
        content: of the file, in order so far.
        resources: its section.
    """
    if "packed" in content.get("base", {}):
        errors.add(("base", "packed"), "leave it out: resources.pack sets it")
    grids = content.get("grid", {})
    for number, grid in enumerate(grids if isinstance(grids, list) else [grids]):
        if "packed" in grid:
            place = ("grid", number, "packed") if isinstance(grids, list) else ("grid", "packed")
            errors.add(place, "leave it out: resources.pack sets it")
    search = content.get("search")
    space = search.get("space") if isinstance(search, Mapping) else None
    if isinstance(space, Mapping) and "packed" in space:
        errors.add(("search", "space", "packed"), "leave it out: resources.pack sets it")
    if resources.pack == 1:
        return
    at = ("resources", "pack")
    if not resources.gpu:
        errors.add(
            at,
            "is for trials that share a GPU, and on CPUs nothing is gained by it; set "
            "resources.gpu as well, or leave pack out",
        )
    if search is not None:
        errors.add(
            at,
            "cannot be had in a search, which asks for a trial when it knows how others have "
            "ended; leave pack out, or list the values in a grid",
        )
