"""Axes of a report's charts: where a value lies, and which values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cvae_core.evaluation.style import own_style

DECADES = 1.5
"""Values that are so far apart stand on a logarithmic axis."""
STEPS = (((1, 3), 3), ((1, 2, 5), 2), ((1, 1.5, 2, 3, 4, 5, 6, 8), 2))
"""What ticks of a logarithmic axis begin with where it has fewer than three powers of ten, and how
many of them are enough: from coarse to fine, so that their labels have room."""
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
    from matplotlib.ticker import MaxNLocator

    low, high = min(values), max(values)
    if logarithmic is None:
        logarithmic = low > 0 and math.log10(high / low) > DECADES
    scale = math.log10 if logarithmic else float
    first, last = scale(low), scale(high)
    margin = 0.05 * (last - first) or 0.5 * abs(first) or 0.5
    first, last = first - margin, last + margin

    def at(value: float) -> float:
        return round(start + (scale(value) - first) / (last - first) * (end - start), 1)

    inside = _logarithmic_ticks(first, last) if logarithmic else []
    if not inside:
        ends = (10**first, 10**last) if logarithmic else (first, last)
        locator = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10], integer=counts)
        inside = [t for t in map(float, locator.tick_values(*ends)) if ends[0] <= t <= ends[1]]
    return Axis(at, [(at(tick), f"{round(tick, 12):g}") for tick in inside])


def _logarithmic_ticks(first: float, last: float) -> list[float]:
    """Round values from ``10**first`` to ``10**last``; none where those are too close for any.

    Finer ones than powers of ten are not left to matplotlib: where it finds fewer than two, it
    takes values at equal distances, whose labels run into one another at the upper end.
    """
    from matplotlib.ticker import LogLocator

    powers = map(float, LogLocator(numticks=7).tick_values(10**first, 10**last))
    found = [tick for tick in powers if tick > 0 and first <= math.log10(tick) <= last]
    if len(found) >= 3:
        return found
    decades = range(math.floor(first), math.floor(last) + 1)
    for leading, enough in STEPS:
        ticks = (digit * 10.0**decade for decade in decades for digit in leading)
        found = [tick for tick in ticks if first <= math.log10(tick) <= last]
        if len(found) >= enough:
            return found
    return []


def axis_of_names(names: Sequence[str], start: float, end: float) -> Axis:
    """An axis on which names stand at equal distances."""
    step = (end - start) / max(len(names), 1)

    def at(number: float) -> float:
        return round(start + (number + 0.5) * step, 1)

    return Axis(at, [(at(number), name) for number, name in enumerate(names)])
