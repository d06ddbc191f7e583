"""An estimate for a terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.durations import duration


def estimate_table(document: dict[str, Any]) -> Table:
    """One row for each kind of trial."""
    table = Table(box=SIMPLE_HEAD, title="measured here just now", title_justify="left")
    for column in ("model", "data"):
        table.add_column(column)
    for column in ("trials", "images/s", "epoch", "evaluation", "trial"):
        table.add_column(column, justify="right")
    for kind in document["kinds"]:
        table.add_row(
            kind["model"],
            kind["data"],
            str(kind["trials"]),
            f"{kind['images_per_s']:,.0f}",
            _short(kind["epoch_s"]),
            _short(kind["evaluation_s"]),
            duration(kind["trial_s"]),
        )
    return table


def estimate_line(document: dict[str, Any]) -> str:
    """How long all of it takes."""
    slots = document["slots"]
    together = f"{slots} trials at a time" if slots > 1 else "one trial at a time"
    if not document["sweep_s"]:
        return "nothing is left to train or to evaluate"
    words = "at most about" if document["at_most"] else "about"
    return (
        f"{words} {duration(document['sweep_s'])} on this machine as busy as it is now, {together}"
    )


def _short(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else duration(seconds)
