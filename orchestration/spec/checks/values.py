"""What values the searched settings can have."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from orchestration.spec.errors import listed
from orchestration.spec.search import Parameter
from orchestration.spec.settings import number_type
from orchestration.spec.yaml_file import Location


@dataclass(frozen=True)
class Space:
    """The settings that are searched, each in order, and where they stand."""

    parameters: dict[str, Parameter]
    """By dotted names; those with mistakes are left out."""
    places: dict[str, Location]
    """Of all, also of those with mistakes."""


def plain(path: tuple[str, ...], value: Any) -> Any:
    """A setting's value, so that 1 and 1.0 are one where it is a float."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and number_type(path) is float else value


def within(name: str, parameter: Parameter, value: Any) -> bool:
    """Whether a parameter can have a value, between its ends and on its steps included."""
    if parameter.choice is not None:
        return value in parameter.choice
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    low, high = parameter.log or parameter.range or (0.0, 0.0)
    if not low <= value <= high:
        return False
    whole = number_type(tuple(name.split("."))) is int
    step = parameter.step or (1 if whole else None)
    return step is None or not (Decimal(str(value)) - Decimal(str(low))) % Decimal(str(step))


def words(parameter: Parameter) -> str:
    """What values a parameter has."""
    if parameter.choice is not None:
        return "one of " + listed(parameter.choice)
    low, high = parameter.log or parameter.range or (0.0, 0.0)
    step = "" if parameter.step is None else f" in steps of {parameter.step:g}"
    return f"from {low:g} to {high:g}{step}"
