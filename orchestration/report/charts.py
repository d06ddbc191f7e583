"""Charts of a report as plain values, which its template draws as SVG.

Altair's bundle was measured beside this: 0.9 MB in every page, 84 MB more to install, 3.6 s for
each report, and its marks take neither keyboard focus nor links. A point here is a link with a text
of its own, its colours are the page's, and it is printed as it is seen. Ticks are matplotlib's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from cvae_core.evaluation.style import own_style

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 12, 46
BASELINE = -1
"""The look of baselines."""
DECADES = 1.5
"""Values that are so far apart stand on a logarithmic axis."""


@dataclass(frozen=True)
class Point:
    """One mark: in the units of the axes, in a ``Chart`` where it is drawn."""

    x: float
    y: float
    look: int
    """Number of its family: colour and shape; ``BASELINE`` of those that are none."""
    label: str
    """What is said of it: settings and values."""
    target: str
    """The id of its row."""


@dataclass(frozen=True)
class Line:
    """Points that belong together, from left to right."""

    points: Sequence[tuple[float, float]]
    look: int
    label: str
    target: str


@dataclass(frozen=True)
class Stroke:
    """A line where it is drawn."""

    path: str
    look: int
    label: str
    target: str


@dataclass(frozen=True)
class Chart:
    """All that is drawn; lengths in the units of the SVG's view box."""

    title: str
    x_title: str
    y_title: str
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    marks: Sequence[Point] = ()
    strokes: Sequence[Stroke] = ()
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = field(default=WIDTH - RIGHT)
    top: int = TOP
    bottom: int = field(default=HEIGHT - BOTTOM)


def scatter(title: str, x_title: str, y_title: str, points: Sequence[Point]) -> Chart | None:
    """One mark for each point that is finite; None where there is none."""
    finite = [p for p in points if math.isfinite(p.x) and math.isfinite(p.y)]
    if not finite:
        return None
    across = _axis([p.x for p in finite], LEFT, WIDTH - RIGHT)
    up = _axis([p.y for p in finite], HEIGHT - BOTTOM, TOP)
    marks = [replace(p, x=across.at(p.x), y=up.at(p.y)) for p in finite]
    return Chart(title, x_title, y_title, across.ticks, up.ticks, marks=marks)


def lines(title: str, x_title: str, y_title: str, drawn: Sequence[Line]) -> Chart | None:
    """One stroke for each line, broken where a value is not finite; None where there is none."""
    finite = [
        (x, y) for line in drawn for x, y in line.points if math.isfinite(x) and math.isfinite(y)
    ]
    if not finite:
        return None
    across = _axis([x for x, _ in finite], LEFT, WIDTH - RIGHT, logarithmic=False)
    up = _axis([y for _, y in finite], HEIGHT - BOTTOM, TOP)
    strokes = [
        Stroke(_path(line.points, across.at, up.at), line.look, line.label, line.target)
        for line in drawn
    ]
    return Chart(title, x_title, y_title, across.ticks, up.ticks, strokes=strokes)


@dataclass(frozen=True)
class _Axis:
    at: Callable[[float], float]
    ticks: Sequence[tuple[float, str]]


@own_style()  # matplotlib cannot even be imported with some backends a person may have set
def _axis(
    values: Sequence[float], start: float, end: float, *, logarithmic: bool | None = None
) -> _Axis:
    """An axis from ``start`` to ``end`` of the picture that has room for all values."""
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
        candidates = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(first, last)
    shown = [t for t in map(float, candidates) if t > 0 or not logarithmic]
    inside = [tick for tick in shown if first <= scale(tick) <= last]
    return _Axis(at, [(at(tick), f"{round(tick, 12):g}") for tick in inside])


def _path(
    points: Sequence[tuple[float, float]],
    across: Callable[[float], float],
    up: Callable[[float], float],
) -> str:
    steps, pen_down = [], False
    for x, y in points:
        drawable = math.isfinite(x) and math.isfinite(y)
        if drawable:
            steps.append(f"{'L' if pen_down else 'M'}{across(x)} {up(y)}")
        pen_down = drawable
    return "".join(steps)
