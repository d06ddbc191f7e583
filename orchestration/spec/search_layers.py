"""How the sections ``search`` and ``scheduler`` of a sweep file lie over those of another layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cvae_core.settings import merge
from orchestration.spec.flat_names import entries, flat, without
from orchestration.spec.settings import field_annotation, setting_names, where_meant

KINDS = ("log", "range", "choice", "step")
OWNERS = {"reduction": "asha", "min_trials": "median"}
"""Settings of a scheduler that mean something to one of them alone."""


def with_fixed(content: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """A file's content without a setting in its search, because the setting is fixed now.

    Starting points do not name it any more, and those that are the same then are one.
    """
    search = content.get("search")
    if not isinstance(search, dict):
        return content
    remaining = {**search}
    if "space" in search:
        remaining["space"] = without(search["space"], path)
    points = search.get("enqueue")
    if isinstance(points, list):
        left = [without(point, path) for point in points]
        remaining["enqueue"] = [
            point
            for index, point in enumerate(left)
            if point == points[index] or (flat(point) and point not in left[:index])
        ]
    return {**content, "search": remaining}


def searched(content: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Paths of the settings in a search space, and whether each is searched wherever it counts."""
    for path, _, parameter in _parameters(_space(content)):
        if field_annotation(path) is None or not isinstance(parameter, dict):
            continue
        when, own = parameter.get("when", {}), set(list(where_meant(path))[:1])
        yield path, isinstance(when, dict) and not flat(when).keys() - own


def under(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """A file's content without what a search or scheduler above it takes the place of."""
    kept = dict(below)
    if _space(below) and _space(above):
        kept["search"] = {**below["search"], "space": _space_under(_space(below), _space(above))}
    scheduler, name = below.get("scheduler"), _name(above.get("scheduler"))
    if isinstance(scheduler, dict) and name is not None:
        kept["scheduler"] = {k: v for k, v in scheduler.items() if OWNERS.get(k, name) == name}
    return kept


def _space_under(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """A space without the values that the one above has for the same settings."""
    parameters = {path: parameter for path, _, parameter in _parameters(below)}
    for path, place, parameter in _parameters(above):
        old = parameters.get(path)
        if not isinstance(old, dict) or not isinstance(parameter, dict):
            continue
        if any(kind in parameter for kind in KINDS[:3]):
            old = {key: value for key, value in old.items() if key not in KINDS}
        # Written as it is above: nested and with dots it would be there twice.
        moved: dict[str, Any] = old
        for key in reversed(place):
            moved = {str(key): moved}
        below = merge(without(below, path), moved)
    return below


def _parameters(space: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    return entries(space, (), lambda path: not setting_names(path))


def _space(content: dict[str, Any]) -> dict[str, Any]:
    search = content.get("search")
    space = search.get("space") if isinstance(search, dict) else None
    return space if isinstance(space, dict) else {}


def _name(scheduler: Any) -> Any:
    return scheduler.get("name") if isinstance(scheduler, dict) else None
