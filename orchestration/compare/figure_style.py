"""What all figures of searches have in common: families' looks, panels, scales, labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from cvae_core.evaluation.figures import BLUE, HEADING, ORANGE, OTHERS, new_figure, put_text
from orchestration.status.metric_columns import head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS = {"vae": (BLUE, "o"), "cvae": (ORANGE, "^")}
"""Told apart by colour-blind eyes and on grey paper as well."""
OTHER_LOOKS = tuple(zip((OTHERS[0], OTHERS[1], OTHERS[3]), "sDv", strict=True))
COLUMNS = 3
"""Panels beside one another."""
WIDTH, PANEL = 1180, 400
"""Pixels: of a figure, and the height of one row of its panels."""
DECADES = 1.5
"""Values that are so far apart stand on a logarithmic axis."""


def figure_of_panels(
    document: Mapping[str, Any], title: str, subtitle: str, panels: int, height: int = PANEL
) -> tuple[Figure, list[Axes]]:
    """A figure with its heading, its legend and so many panels."""
    columns = min(panels, COLUMNS)
    rows = math.ceil(panels / columns)
    full = height * rows + HEADING
    figure = new_figure(WIDTH, full)
    put_text(figure, title, 16, 10, size=14, weight="bold")
    put_text(figure, f"{document['name']}: {subtitle}", 16, 37)
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0.085, 60 / full, 0.985, 1 - (HEADING + 14) / full, 0.25, 0.28)
    axes = list(grid.flat)
    for ax in axes[panels:]:
        ax.set_axis_off()
    for ax in axes[:panels]:
        ax.tick_params(labelsize=9)
        ax.grid(color="0.9")
        ax.set_axisbelow(True)
    _legend(figure, document)
    return figure, axes[:panels]


def _legend(figure: Figure, document: Mapping[str, Any]) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for family in document["families"]:
        colour, mark = look_of(document, family["family"])
        studies = len(family["studies"])
        label = family["family"] + (f" ({studies} studies)" if studies > 1 else "")
        handles.append(Line2D([], [], color=colour, marker=mark, linewidth=2.2, label=label))
    figure.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(0.99, 1 - 8 / figure.bbox.height),
        ncols=len(handles),
        fontsize=10,
        frameon=False,
    )


def look_of(document: Mapping[str, Any], family: str) -> tuple[str, str]:
    """Colour and mark of a family, the same on every figure."""
    names = [each["family"] for each in document["families"] if each["family"] not in LOOKS]
    return LOOKS.get(family) or OTHER_LOOKS[names.index(family) % len(OTHER_LOOKS)]


def draw_steps(
    ax: Axes,
    curve: Sequence[Sequence[float]],
    *,
    where: Literal["pre", "post"] = "post",
    **look: Any,
) -> list[float]:
    """Draw a curve that holds each value up to the next point; the values."""
    values = [value for _, value in curve]
    ax.step([at for at, _ in curve], values, where=where, **look)
    return values


def set_scale(ax: Axes, values: Sequence[float], *, upright: bool = True) -> None:
    """A logarithmic axis where values are positive and far apart."""
    low, high = min(values), max(values)
    if low > 0 and math.log10(high / low) > DECADES:
        (ax.set_yscale if upright else ax.set_xscale)("log")


def metric_label(document: Mapping[str, Any], number: int) -> str:
    """An objective's name, with the arrow that says which way is better."""
    name = document["objectives"][number]["metric"]
    arrow = {"maximize": "↑", "minimize": "↓"}[document["objectives"][number]["direction"]]
    short = head(name).rstrip(" ↑↓")
    return f"{short} {arrow}" if short == name else f"{name} {arrow}"
