"""Nested settings under flat names, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
