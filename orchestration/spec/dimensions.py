"""What a study searches: its dimensions, in the order in which they are asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cvae_core.config import TrialConfig
from orchestration.spec.flat_names import flat
from orchestration.spec.search import Parameter
from orchestration.spec.settings import counts, number_type, where_meant


@dataclass(frozen=True)
class Dimension:
    """One searched setting, and where it means something."""

    name: str
    """Dotted, as in sweep files."""
    kind: Literal["float", "int", "choice"]
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()
    """Plain values as in the sweep file; one may be a list."""
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Values of other settings (dotted), any of which is asked for; a VAE's λ has model: cvae."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which ``from_json`` makes the same again."""
        return {
            "kind": self.kind,
            "low": self.low,
            "high": self.high,
            "log": self.log,
            "step": self.step,
            "choices": list(self.choices),
            "when": {name: list(values) for name, values in self.when.items()},
        }

    @property
    def middle(self) -> Any:
        """A value from its midst: of a logarithmic range the geometric mean of its ends."""
        if self.kind == "choice":
            return self.choices[len(self.choices) // 2]
        value = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        if self.step is not None:
            value = self.low + round((value - self.low) / self.step) * self.step
        return round(value) if self.kind == "int" else value

    @classmethod
    def from_json(cls, name: str, stored: Mapping[str, Any]) -> Dimension:
        """The inverse of ``to_json``."""
        when = {other: tuple(values) for other, values in stored["when"].items()}
        values = {**stored, "choices": tuple(stored["choices"]), "when": when}
        return cls(name=name, **values)


def suggested(
    dimensions: Sequence[Dimension],
    fixed: Mapping[str, Any],
    suggest: Callable[[Dimension], Any],
) -> dict[str, Any]:
    """Values of the dimensions that mean something, each asked for in its turn.

    Args:
        dimensions: of a study; one that ``when`` names comes before those that name it.
        fixed: the study's other settings, under flat names.
        suggest: gives a dimension's value.
    """
    params: dict[str, Any] = {}
    for dimension in dimensions:
        settled = {**fixed, **params}
        if all(settled.get(name) in values for name, values in dimension.when.items()):
            params[dimension.name] = suggest(dimension)
    return params


def dimensions_of(space: Mapping[str, Parameter], cell: TrialConfig) -> tuple[Dimension, ...]:
    """What is searched in a cell, in an order that does not depend on the file's.

    What means nothing to the cell's trials or beside its other settings, or whose ``when`` never
    holds there, is left out.
    """
    dimensions: dict[str, Dimension] = {}
    fixed = flat(cell.to_settings())
    made = (_dimension(name, parameter, space, fixed) for name, parameter in sorted(space.items()))
    left = {dimension.name: dimension for dimension in made if dimension is not None}
    while left:
        ready = [n for n, dimension in left.items() if not dimension.when.keys() & left.keys()]
        if not ready:
            raise ValueError(f"conditions go round in a circle: {', '.join(left)}")
        name = ready[0]
        dimension = left.pop(name)
        # What is searched here is asked for first; all else is settled here.
        open_ = {other: v for other, v in dimension.when.items() if other in dimensions}
        possible = counts(tuple(name.split(".")), cell) and all(
            fixed.get(other) in dimension.when[other]
            and (other not in space or counts(tuple(other.split(".")), cell))
            for other in dimension.when.keys() - open_.keys()
        )
        if possible:
            dimensions[name] = Dimension(**{**vars(dimension), "when": open_})
    return tuple(dimensions.values())


def _dimension(
    name: str, parameter: Parameter, space: Mapping[str, Parameter], fixed: Mapping[str, Any]
) -> Dimension | None:
    """One setting with all its conditions; None where it means nothing in the cell."""
    when = {
        other: tuple(values) if isinstance(values, list) else (values,)
        for other, values in flat(parameter.when).items()
    }
    meant = conditions(name, when, space, fixed)
    if meant is None:
        return None
    when |= meant
    if parameter.choice is not None:
        return Dimension(name, "choice", choices=tuple(parameter.choice), when=when)
    low, high = parameter.log or parameter.range or (0.0, 0.0)
    kind = number_type(tuple(name.split("."))) or float
    step = parameter.step
    return Dimension(
        name,
        "int" if kind is int else "float",
        low=kind(low),
        high=kind(high),
        log=parameter.log is not None,
        step=None if step is None else kind(step),
        when=when,
    )


def conditions(
    name: str,
    when: Mapping[str, tuple[Any, ...]],
    space: Mapping[str, Any],
    fixed: Mapping[str, Any],
) -> dict[str, tuple[Any, ...]] | None:
    """On which searched settings it depends that a setting means something at all.

    Args:
        name: of the setting, dotted.
        when: its own conditions.
        space: what is searched.
        fixed: the cell's settings, under flat names; those that are searched do not count.

    Returns:
        One condition, or none where it means something in any case; None: it never does. Where
        either of two searched settings gives it a meaning, the first one is asked for.
    """
    where = where_meant(tuple(name.split(".")))
    open_: dict[str, tuple[Any, ...]] = {}
    for other, value in where.items():
        possible = when.get(other, (value,)) if other in space else (fixed[other],)
        if value not in possible:
            continue
        if other not in space or when.get(other) == (value,):
            return {}
        open_.setdefault(other, (value,))
    if where and not open_:
        return None
    return dict(list(open_.items())[:1])
