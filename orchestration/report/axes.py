"""Axes of a report's charts: where a value lies, and which values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cvae_core.evaluation.style import own_style

DECADES = 1.5
"""Values that are so far apart stand on a logarithmic axis."""
Ticks = Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Axis:
    """One direction of a picture."""

    at: Callable[[float], float]
    """Where a value lies; on an axis of names, where the name of this number does."""
    ticks: Ticks


@own_style()  # matplotlib cannot even be imported with some backends a person may have set
def axis_of(
    values: Sequence[float],
    start: float,
    end: float,
    *,
    logarithmic: bool | None = None,
    counts: bool = False,
) -> Axis:
    """An axis that has room for all values.

    Args:
        values: that lie on it.
        start: of the axis, in the picture.
        end: of the axis, there.
        logarithmic: whether it is; None: where values are far apart.
        counts: whether there is nothing between whole numbers.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator

    low, high = min(values), max(values)
    if logarithmic is None:
        logarithmic = low > 0 and math.log10(high / low) > DECADES
    scale = math.log10 if logarithmic else float
    first, last = scale(low), scale(high)
    margin = 0.05 * (last - first) or 0.5 * abs(first) or 0.5
    first, last = first - margin, last + margin

    def at(value: float) -> float:
        return round(start + (scale(value) - first) / (last - first) * (end - start), 1)

    if logarithmic:
        candidates = LogLocator(numticks=7).tick_values(10**first, 10**last)
    else:
        locator = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10], integer=counts)
        candidates = locator.tick_values(first, last)
    shown = [t for t in map(float, candidates) if t > 0 or not logarithmic]
    inside = [tick for tick in shown if first <= scale(tick) <= last]
    return Axis(at, [(at(tick), f"{round(tick, 12):g}") for tick in inside])


def axis_of_names(names: Sequence[str], start: float, end: float) -> Axis:
    """An axis on which names stand at equal distances."""
    step = (end - start) / max(len(names), 1)

    def at(number: float) -> float:
        return round(start + (number + 0.5) * step, 1)

    return Axis(at, [(at(number), name) for number, name in enumerate(names)])
