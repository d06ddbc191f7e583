"""Nested settings under flat names, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from orchestration.spec.yaml_file import Location


def flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"data": {"name": "mnist"}}`` to ``{"data.name": "mnist"}``."""
    result: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = value
    return result


def nested_of(flat_settings: Mapping[str, Any]) -> dict[str, Any]:
    """``{"data.name": "mnist"}`` to ``{"data": {"name": "mnist"}}``."""
    result: dict[str, Any] = {}
    for name, value in flat_settings.items():
        *groups, last = name.split(".")
        place = result
        for group in groups:
            place = place.setdefault(group, {})
        place[last] = value
    return result


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
    """Settings without one of them, however it is written there: nested or with dots."""
    if not isinstance(written, Mapping):
        return written
    path, result = list(path), {}
    for key, value in written.items():
        parts = str(key).split(".")
        if parts == path:
            continue
        inside = path[: len(parts)] == parts
        result[key] = without(value, path[len(parts) :]) if inside else value
    return result
