"""Training curves: the same panels at the same places, with the same axes, for every trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cvae_core.evaluation.figures import (
    BLUE,
    HEADING,
    ORANGE,
    OTHERS,
    heading,
    new_figure,
    png,
)
from cvae_core.evaluation.style import own_style
from cvae_core.evaluation.subject import Subject
from cvae_core.evaluation.tables import csv_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    Line = tuple[str, list[int], list[float]]
WIDTH, HEIGHT = 1180, 700


@dataclass(frozen=True)
class Panel:
    """One panel: its metrics and its axis, which is the same for every trial."""

    title: str
    metrics: tuple[str, ...]
    """Names; one that ends in ``*`` stands for all that begin so."""
    top: float
    smallest: float | None = None
    """Logarithmic from here on, linear below, so that 0 has a place; None: linear."""
    absent: str = "not measured in training"


PANELS = (
    Panel("total loss", ("train/loss", "val/loss"), 100, 1e-3),
    Panel(
        "reconstruction: MSE per pixel",
        ("train/reconstruction", "val/reconstruction"),
        1,
        1e-3,
        absent="the decoder is not trained",
    ),
    Panel("KL divergence, nats per image", ("train/kl", "val/kl"), 1e5, 1e-2),
    Panel(
        "contrastive: NT-Xent, nats",
        ("train/contrastive", "val/contrastive"),
        8,
        absent="no contrastive term",
    ),
    Panel("probe accuracy", ("val/probe_accuracy",), 1),
    Panel("Fréchet distance", ("val/fd_*",), 1e5, 1e-1),
)


@own_style()
def curves_png(subject: Subject) -> bytes:
    """What training recorded after each epoch, at least one, as a picture."""
    figure = new_figure(WIDTH, HEIGHT)
    heading(
        figure,
        "Training curves",
        subject,
        "training and validation; dotted: the judged weights",
    )
    axes = figure.subplots(2, 3)
    figure.subplots_adjust(0.05, 0.07, 0.985, 1 - (HEADING + 34) / HEIGHT, 0.17, 0.32)
    end = max(subject.config.epochs, *(record["epoch"] for record in subject.epochs), 1)
    for panel, ax in zip(PANELS, axes.flat, strict=True):
        _draw(ax, panel, _lines(panel, subject.epochs), subject)
        ax.set_xlim(0, end * 1.02)
    return png(figure)


def curves_csv(epochs: Sequence[Mapping[str, Any]]) -> bytes:
    """A table: a row for each epoch, a column for each metric; empty where one was not measured."""
    names = sorted({name for record in epochs for name in record["metrics"]})
    rows = ([record["epoch"], *map(record["metrics"].get, names)] for record in epochs)
    return csv_table(["epoch", *names], rows)


def _lines(panel: Panel, epochs: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Name, epochs and values of each metric of a panel that was measured at least once."""
    measured = sorted({name for record in epochs for name in record["metrics"]})
    lines = []
    for wanted in panel.metrics:
        for name in measured:
            if name == wanted or (wanted.endswith("*") and name.startswith(wanted[:-1])):
                records = [record for record in epochs if name in record["metrics"]]
                values = [record["metrics"][name] for record in records]
                lines.append((name, [record["epoch"] for record in records], values))
    return lines


def _draw(ax: Axes, panel: Panel, lines: list[Line], subject: Subject) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_title(panel.title, fontsize=11, loc="left")
    ax.set_xlabel("epoch", fontsize=9, labelpad=1)
    ax.tick_params(labelsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.grid(color="0.9")
    ax.set_axisbelow(True)
    ax.axvline(subject.epoch, color="0.6", linestyle=":", linewidth=1.2)
    for place, (name, epochs, values) in enumerate(lines):
        split, _, metric = name.partition("/")
        colour = {"train": BLUE, "val": ORANGE}[split]
        label = {"train": "training", "val": "validation"}[split]
        if metric.startswith("fd_"):
            colour, label = OTHERS[place % len(OTHERS)], metric.removeprefix("fd_")
        mark = "o" if len(epochs) <= 30 else None
        ax.plot(epochs, values, color=colour, label=label, marker=mark, markersize=4, linewidth=1.6)
    _scale(ax, panel, [value for _, _, values in lines for value in values])
    if lines:
        ax.legend(fontsize=9, loc="best", framealpha=0.9)
    else:
        ax.text(0.5, 0.5, panel.absent, transform=ax.transAxes, ha="center", color="0.4", size=11)


def _scale(ax: Axes, panel: Panel, values: list[float]) -> None:
    """The panel's own limits, widened, and saying so, where a value lies outside."""
    largest = max((value for value in values if math.isfinite(value)), default=0.0)
    top = panel.top
    if panel.smallest is not None:
        ax.set_yscale("symlog", linthresh=panel.smallest, linscale=0.5)
        if largest > top:
            top = 10.0 ** math.ceil(math.log10(largest))
    elif largest > top:
        top = largest * 1.05
    margin = 1.0 if panel.smallest is not None else 1.03
    ax.set_ylim(0, top * margin)
    if top > panel.top:
        words = f"axis widened: usually ends at {panel.top:g}"
        ax.text(0.98, 0.03, words, transform=ax.transAxes, ha="right", color=ORANGE, size=9)
