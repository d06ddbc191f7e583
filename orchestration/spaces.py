"""What a study searches: its dimensions, in the order in which they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


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
        known = {**fixed, **params}
        if all(known.get(name) in values for name, values in dimension.when.items()):
            params[dimension.name] = suggest(dimension)
    return params
