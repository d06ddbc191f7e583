"""Which charts a report has: trade-offs between what is measured, and curves over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cvae_core.evaluation.metrics import describe
from orchestration.ledger.ledger import Ledger
from orchestration.report.charts import BASELINE, Chart, Line, Point, lines, scatter
from orchestration.status.metric_columns import head, headlines

JUDGED = "probe/accuracy"
"""What stands on the vertical axis of trade-offs: what latents are good for."""
AGAINST = ("fid/inception<variant>", "fd/<extractor>", "test/reconstruction_mse")
"""Families of metrics on the horizontal one: what images are like."""
CURVES = ("val/probe_accuracy", "val/reconstruction", "val/kl")
MANY = 200
"""Of more trials no curves are drawn: nobody could tell them apart."""


def trade_offs(rows: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """The probe against Fréchet distance and reconstruction error, one point a trained trial."""
    measured = [row for row in rows if row["trained"] and JUDGED in row["metrics"]]
    names = [
        name
        for name in headlines(name for row in measured for name in row["metrics"])
        if getattr(describe(name), "name", "") in AGAINST and not name.endswith("_floor")
    ]
    charts = [
        scatter(
            f"{head(JUDGED)} against {head(name)}",
            head(name),
            head(JUDGED),
            [_point(row, name) for row in measured if name in row["metrics"]],
        )
        for name in names
    ]
    return [chart for chart in charts if chart is not None]


def curves(ledger: Ledger, rows: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """What was measured after each epoch, one line a trial that is no baseline."""
    rows = [row for row in rows if row["look"] != BASELINE]
    if len(rows) > MANY:
        return []
    charts = []
    for name in CURVES:
        drawn = []
        for row in rows:
            epochs = ledger.trials[row["key"]].epochs
            points = [(e.epoch, e.metrics[name]) for e in epochs if name in e.metrics]
            if len(points) > 1:
                drawn.append(Line(points, row["look"], row["name"], row["key"]))
        charts.append(lines(f"{head(name)} over epochs", "epoch", head(name), drawn))
    return [chart for chart in charts if chart is not None]


def _point(row: Mapping[str, Any], name: str) -> Point:
    x, y = row["metrics"][name], row["metrics"][JUDGED]
    label = f"{row['name']}: {head(JUDGED)} {y:.4g}, {head(name)} {x:.4g}"
    return Point(x, y, row["look"], label, row["key"])
