"""Confusion matrices: which classes a classifier takes for which, as a table and as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.figures import png
from cvae_core.evaluation.style import own_style
from cvae_core.evaluation.tables import csv_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRITTEN = 20
"""Up to so many classes the shares are written into the cells."""
NAMED = 100
"""Up to so many classes each has its name at the axes; beyond, every second or third one has."""
NAME_LENGTH = 14
TITLE_LENGTH = 60


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Images of each true class (rows) by the class predicted (columns), (C, C).

    Args:
        labels: (M,), classes counted from 0.
        predicted: (M,).
        count: C, classes of the data set.
    """
    cells = np.bincount(labels * count + predicted, minlength=count * count)
    return cells.reshape(count, count)


def confusion_csv(matrix: NDArray[np.int64], classes: Sequence[str]) -> bytes:
    """The counts as a table: a row per true class, a column per class predicted."""
    rows = ([name, *row] for name, row in zip(classes, matrix.tolist(), strict=True))
    return csv_table(["true class", *classes], rows)


@own_style()
def confusion_png(matrix: NDArray[np.int64], classes: Sequence[str], title: Sequence[str]) -> bytes:
    """A picture of the shares of each true class, on one colour scale from 0 to 100 %.

    Args:
        matrix: (C, C), counts.
        classes: C names.
        title: its lines.
    """
    from matplotlib.figure import Figure

    count = len(classes)
    size = min(max(0.5 * count, 4), 12)
    figure = Figure(figsize=(size + 2.6, size + 2.0), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.where(totals > 0, 100 * matrix / np.maximum(totals, 1), np.nan)
    axes.set_facecolor("0.85")  # of a class that no image has
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100, interpolation="nearest")
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of the true class's images, %")
    _name_axes(axes, classes)
    if count <= WRITTEN:
        _write_cells(axes, shares)
    axes.set_title(
        "\n".join(short(line, TITLE_LENGTH) for line in title), fontsize=11, parse_math=False
    )
    return png(figure)


def short(name: str, length: int) -> str:
    """A name on one line, in printable characters, cut to a length."""
    line = " ".join(name.encode("utf-8", "replace").decode().split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def _name_axes(axes: Axes, classes: Sequence[str]) -> None:
    step = math.ceil(len(classes) / NAMED)
    ticks = range(0, len(classes), step)
    names = [short(classes[tick], NAME_LENGTH) for tick in ticks]
    size = 10 if len(names) <= WRITTEN else max(5, 10 - len(names) / 20)
    upright = max(map(len, names)) > 2 or len(names) > WRITTEN
    axes.set_xticks(ticks, names, fontsize=size, rotation=90 if upright else 0, parse_math=False)
    axes.set_yticks(ticks, names, fontsize=size, parse_math=False)
    axes.set_xlabel("class predicted")
    axes.set_ylabel("true class")


def _write_cells(axes: Axes, shares: NDArray[np.float64]) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share > 0:
            text = f"{share:.0f}" if share >= 0.5 else "<1"
            colour = "white" if share > 55 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
