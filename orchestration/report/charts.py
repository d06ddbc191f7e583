"""Charts of a report as plain values, which its template draws as SVG.

Altair's bundle was measured beside this: 0.9 MB in every page, 84 MB more to install, 3.6 s for
each report, and its marks take neither keyboard focus nor links. A point here is a link with a text
of its own, its colours are the page's, and it is printed as it is seen. Ticks are matplotlib's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from orchestration.report.axes import Axis, Ticks, axis_of, axis_of_names

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 84, 14, 12, 46
ROW = 44
"""Height of a name's row."""
LETTER = 8.8
"""Width of a letter of ticks, about, where they are largest: on a narrow screen."""
LONGEST_NAME = 24
BASELINE = -1
"""The look of baselines."""
STRETCH = 2.5
"""So much longer at most an axis gets for the sake of baselines."""


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
    """The key of the trial to whose row it leads; empty: to none."""
    kind: Literal["", "faint", "front"] = ""
    """faint: one of many; front: one that stands out."""


@dataclass(frozen=True)
class Line:
    """Points that belong together, from left to right."""

    points: Sequence[tuple[float, float]]
    look: int
    label: str
    target: str
    kind: str = ""
    """thin or thick, or as it comes."""


@dataclass(frozen=True)
class Stroke:
    """A line where it is drawn."""

    path: str
    look: int
    label: str
    target: str
    kind: str = ""


@dataclass(frozen=True)
class Bar:
    """A share of a name; in a ``Chart`` where it is drawn."""

    x: float
    y: float
    width: float
    height: float
    look: int
    label: str
    text: str
    """What stands at its end."""


@dataclass(frozen=True)
class Chart:
    """All that is drawn; lengths in the units of the SVG's view box."""

    title: str
    x_title: str
    y_title: str
    x_ticks: Ticks
    y_ticks: Ticks
    marks: Sequence[Point] = ()
    strokes: Sequence[Stroke] = ()
    bars: Sequence[Bar] = ()
    guides: Sequence[float] = ()
    """Where dotted lines stand upright."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = field(default=WIDTH - RIGHT)
    top: int = TOP
    bottom: int = field(default=HEIGHT - BOTTOM)


# More than five: all of it stands on the chart.
def scatter(
    title: str,
    x_title: str,
    y_title: str,
    points: Sequence[Point],
    drawn: Sequence[Line] = (),
    across: Axis | None = None,
) -> Chart | None:
    """One mark for each point that is finite; None where there is none.

    Baselines that would press all others into a corner stand at the edge.

    Args:
        title: of the chart.
        x_title: of its horizontal axis.
        y_title: of its vertical axis.
        points: to be drawn.
        drawn: lines behind them.
        across: the horizontal axis; None: one that fits.
    """
    finite = [p for p in points if math.isfinite(p.x) and math.isfinite(p.y)]
    if not finite:
        return None
    beside = [p for p in finite if p.look == BASELINE]
    compared = [p for p in finite if p.look != BASELINE] or finite
    of_x = _room([p.x for p in compared], [p.x for p in beside])
    of_y = _room([p.y for p in compared], [p.y for p in beside])
    across = across or axis_of(of_x, LEFT, WIDTH - RIGHT)
    up = axis_of(of_y, HEIGHT - BOTTOM, TOP)
    marks = []
    for p in finite:
        x, x_held = _held(across, p.x, LEFT, WIDTH - RIGHT)
        y, y_held = _held(up, p.y, HEIGHT - BOTTOM, TOP)
        label = f"{p.label} (beyond the edge)" if x_held or y_held else p.label
        marks.append(replace(p, x=x, y=y, label=label))
    strokes = _strokes(drawn, across, up)
    return Chart(title, x_title, y_title, across.ticks, up.ticks, marks=marks, strokes=strokes)


def lines(
    title: str,
    x_title: str,
    y_title: str,
    drawn: Sequence[Line],
    guides: Sequence[float] = (),
) -> Chart | None:
    """One stroke for each line, broken where a value is not finite; None where there is none."""
    finite = [
        (x, y) for line in drawn for x, y in line.points if math.isfinite(x) and math.isfinite(y)
    ]
    if not finite:
        return None
    values = [*(x for x, _ in finite), *guides]
    counts = all(float(x).is_integer() for x in values)
    across = axis_of(values, LEFT, WIDTH - RIGHT, logarithmic=False, counts=counts)
    up = axis_of([y for _, y in finite], HEIGHT - BOTTOM, TOP)
    strokes, upright = _strokes(drawn, across, up), [across.at(x) for x in guides]
    return Chart(title, x_title, y_title, across.ticks, up.ticks, strokes=strokes, guides=upright)


def rows(
    title: str, x_title: str, names: Sequence[str], points: Sequence[Point], drawn: Sequence[Line]
) -> Chart | None:
    """A row for each name, marks and lines on them: y is a name's number; None without marks."""
    finite = [p for p in points if math.isfinite(p.x)]
    if not finite:
        return None
    left, bottom = _room_for(names), TOP + ROW * len(names)
    across = axis_of([p.x for p in finite], left, WIDTH - RIGHT)
    up = axis_of_names(list(map(_shortened, names)), TOP, bottom)
    marks = [replace(p, x=across.at(p.x), y=up.at(p.y)) for p in finite]
    return Chart(
        title,
        x_title,
        "",
        across.ticks,
        up.ticks,
        marks=marks,
        strokes=_strokes(drawn, across, up),
        left=left,
        bottom=bottom,
        height=bottom + BOTTOM,
    )


Shares = tuple[int, str, Sequence[float | None]]
"""A family's look, its name, and its share of each row."""


def bars(title: str, x_title: str, names: Sequence[str], shares: Sequence[Shares]) -> Chart | None:
    """A group of bars for each name, one a family: shares in [0, 1]; None without any.

    Args:
        title: of the chart.
        x_title: of its horizontal axis.
        names: of the rows.
        shares: of each family.
    """
    if not names or not shares:
        return None
    left, bottom = _room_for(names), TOP + ROW * len(names)
    across = axis_of([0.0, 1.0], left, WIDTH - RIGHT - 20, logarithmic=False)
    up = axis_of_names(list(map(_shortened, names)), TOP, bottom)
    thick = 0.8 * ROW / len(shares)
    drawn = [
        Bar(
            x=across.at(0.0),
            y=round(up.at(row) - 0.4 * ROW + place * thick, 1),
            width=round(across.at(share) - across.at(0.0), 1),
            height=round(thick * 0.9, 1),
            look=look,
            label=f"{family}: {name} {share:.0%}",
            text=f"{share:.0%}",
        )
        for place, (look, family, of_rows) in enumerate(shares)
        for row, (name, share) in enumerate(zip(names, of_rows, strict=True))
        if share is not None
    ]
    return Chart(
        title,
        x_title,
        "",
        [(at, f"{float(text):.0%}") for at, text in across.ticks],
        up.ticks,
        bars=drawn,
        left=left,
        bottom=bottom,
        height=bottom + BOTTOM,
    )


def steps(curve: Sequence[Sequence[float]], *, first: bool = True) -> list[tuple[float, float]]:
    """A curve that holds each value up to the next point (``first``), or from the one before."""
    drawn = [(float(x), float(y)) for x, y in curve[:1]]
    for (x1, y1), (x2, y2) in pairwise((float(x), float(y)) for x, y in curve):
        drawn += [(x2, y1) if first else (x1, y2), (x2, y2)]
    return drawn


def _strokes(drawn: Sequence[Line], across: Axis, up: Axis) -> list[Stroke]:
    return [
        Stroke(_path(line.points, across.at, up.at), line.look, line.label, line.target, line.kind)
        for line in drawn
    ]


def _room(compared: Sequence[float], beside: Sequence[float]) -> list[float]:
    """What an axis has to have room for: baselines as well, unless they stretch it too far."""
    span, every = max(compared) - min(compared), [*compared, *beside]
    stretched = max(every) - min(every) > STRETCH * span > 0
    return list(compared) if stretched else every


def _held(axis: Axis, value: float, start: float, end: float) -> tuple[float, bool]:
    """Where a value lies, at the edge where it is beyond one, and whether it is."""
    try:
        at = axis.at(value)
    except ValueError:  # a logarithmic axis has no room for it
        at = start - (end - start)
    held = min(max(at, min(start, end)), max(start, end))
    return held, held != at


def _room_for(names: Sequence[str]) -> int:
    """The left margin in which names have room."""
    return max(LEFT, round(LETTER * max(len(_shortened(name)) for name in names)) + 14)


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _path(
    points: Sequence[tuple[float, float]],
    across: Callable[[float], float],
    up: Callable[[float], float],
) -> str:
    steps_drawn, pen_down = [], False
    for x, y in points:
        drawable = math.isfinite(x) and math.isfinite(y)
        if drawable:
            steps_drawn.append(f"{'L' if pen_down else 'M'}{across(x)} {up(y)}")
        pen_down = drawable
    return "".join(steps_drawn)
