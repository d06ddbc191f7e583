"""Nested settings under flat names, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orchestration.spec.yaml_file import Location

_VALUES = (float, int, str, list)
"""Most are one of these, and are told from mappings sooner."""


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"data": {"name": "mnist"}}`` to ``{"data.name": "mnist"}``."""
    flattened: dict[str, Any] = {}
    for name, value in nested.items():
        if not isinstance(value, _VALUES) and isinstance(value, Mapping):
            flattened |= flat(value, f"{prefix}{name}.")
        else:
            flattened[f"{prefix}{name}"] = value
    return flattened


def nested_of(flat_settings: Mapping[str, Any]) -> dict[str, Any]:
    """``{"data.name": "mnist"}`` to ``{"data": {"name": "mnist"}}``."""
    nested: dict[str, Any] = {}
    for name, value in flat_settings.items():
        *groups, last = name.split(".")
        place = nested
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    return nested


def entries(
    written: Mapping[str, Any],
    location: Location,
    is_entry: Callable[[tuple[str, ...]], bool] = lambda _: False,
    group: tuple[str, ...] = (),
) -> Iterator[tuple[tuple[str, ...], Location, Any]]:
    """Entries of a mapping, written nested or with dots: path, place in the file, value.

    Args:
        written: the mapping.
        location: where it stands.
        is_entry: whether a mapping under a path is a value, and no group of further entries.
        group: path of the mapping itself.
    """
    for key, item in written.items():
        path, place = (*group, *str(key).split(".")), (*location, key)
        if isinstance(item, Mapping) and not is_entry(path):
            yield from entries(item, place, is_entry, path)
        else:
            yield path, place, item


def without(written: Any, path: Sequence[str]) -> Any:
    """Settings without one of them, however it is written there: nested or with dots.

    A list of values of a whole group loses it in each of them; those that are equal then are one.
    """
    if isinstance(written, list) and all(isinstance(each, Mapping) for each in written):
        left = [without(each, path) for each in written]
        return [each for number, each in enumerate(left) if each not in left[:number]]
    if not isinstance(written, Mapping):
        return written
    path, kept = list(path), {}
    for key, value in written.items():
        parts = str(key).split(".")
        if parts == path:
            continue
        inside = path[: len(parts)] == parts
        kept[key] = without(value, path[len(parts) :]) if inside else value
    return kept
