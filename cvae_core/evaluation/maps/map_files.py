"""Pictures of maps: points in the colours of their classes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.figures import png
from cvae_core.evaluation.style import own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
LEGEND_ROWS = 25
"""Classes in one column of a legend."""
NAME_LENGTH = 18
"""Letters of a class's name that a legend shows."""
PANELS = 24
"""Maps on one page of small multiples."""


@own_style()
def one_map(
    points: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str], title: str
) -> bytes:
    """A PNG of one map (N, 2) with a legend beside it."""
    from matplotlib.figure import Figure

    colours = _colours(len(classes))
    figure = Figure(figsize=(6.2 + _legend_width(classes), 6.4), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    _scatter(axes, points, colours[labels], limits(points), 4.0)
    folded = "\n".join(textwrap.fill(line, 80) for line in title.splitlines())
    figure.suptitle(_plain(folded), fontsize=11)
    _legend(figure, classes, colours)
    return png(figure)


# Six parameters: what is drawn and what is written on it; a call per page has them all at hand.
@own_style()
def many_maps(
    panels: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    names: Sequence[str],
    title: str,
    around: tuple[NDArray[np.float64], float],
) -> bytes:
    """A PNG of several maps (N, 2) of the same images: one legend, and one scale for all.

    Args:
        around: what every panel shows, as ``limits`` gives it.
    """
    from matplotlib.figure import Figure

    colours = _colours(len(classes))
    columns = max(math.ceil(math.sqrt(len(panels))), 2) if len(panels) > 1 else 1
    rows = math.ceil(len(panels) / columns)
    figure = Figure(
        figsize=(3.1 * columns + _legend_width(classes), max(3.3 * rows + 0.4, 4)),
        dpi=DPI,
        layout="constrained",
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for index, axes in enumerate(grid.ravel()):
        if index >= len(panels):
            axes.set_axis_off()
            continue
        _scatter(axes, panels[index], colours[labels], around, 2.0)
        lines = [_shortened(line, 42) for line in names[index].splitlines()]
        axes.set_title(_plain("\n".join(lines)), fontsize=8)
    figure.suptitle(_plain(title), fontsize=11)
    _legend(figure, classes, colours)
    return png(figure)


def limits(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Centre (2,) and half the side of the square that shows all points with a margin."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    return (low + high) / 2, max(float((high - low).max()) * 0.52, 1e-6)


def _scatter(
    axes: Axes,
    points: NDArray[np.float32],
    colours: NDArray[np.float64],
    around: tuple[NDArray[np.float64], float],
    size: float,
) -> None:
    if len(points) < 2000:
        size *= 3
    # One collection in the images' order, so that no class lies on top of the others.
    axes.scatter(points[:, 0], points[:, 1], s=size, c=colours, alpha=0.7, linewidths=0)
    (x, y), half = around
    axes.set_xlim(x - half, x + half)
    axes.set_ylim(y - half, y + half)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])


def _colours(count: int) -> NDArray[np.float64]:
    """RGB (count, 3): a colour of its own for each class."""
    import matplotlib

    if count <= 10:
        return np.array(matplotlib.colormaps["tab10"].colors)[:count]  # type: ignore[attr-defined]
    if count <= 20:
        return np.array(matplotlib.colormaps["tab20"].colors)[:count]  # type: ignore[attr-defined]
    from matplotlib.colors import hsv_to_rgb

    # Neighbours in the legend differ in hue by a golden angle, and in lightness.
    order = np.arange(count)
    hues = order * 0.618034 % 1
    rgb: NDArray[np.float64] = hsv_to_rgb(
        np.stack([hues, np.where(order % 2, 0.6, 0.95), np.array([0.9, 0.6, 0.75])[order % 3]], 1)
    )
    return rgb


def _legend(figure: Figure, classes: Sequence[str], colours: NDArray[np.float64]) -> None:
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=_plain(_shortened(name)))
        for name, colour in zip(classes, colours, strict=True)
    ]
    figure.legend(
        handles=handles,
        loc="outside right center",
        ncols=_legend_columns(classes),
        fontsize=8,
        frameon=False,
        handletextpad=0.2,
        columnspacing=0.8,
    )


def _legend_columns(classes: Sequence[str]) -> int:
    return math.ceil(len(classes) / LEGEND_ROWS)


def _legend_width(classes: Sequence[str]) -> float:
    """Inches that the legend needs."""
    letters = max(len(_shortened(name)) for name in classes)
    return _legend_columns(classes) * (0.35 + 0.075 * letters)


def _shortened(text: str, length: int = NAME_LENGTH) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _plain(text: str) -> str:
    """Dollar signs are text here, not mathematics."""
    return text.replace("$", r"\$")
