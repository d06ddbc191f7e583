"""The sweeps of a storage folder as a table for a terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def list_table(document: dict[str, Any], now: float) -> Table:
    """One row a sweep.

    Args:
        document: as ``list --json`` prints it.
        now: seconds since 1970, from which "ago" counts.
    """
    table = Table(box=SIMPLE_HEAD)
    for column in ("sweep", "state"):
        table.add_column(column)
    for column in ("finished", "failed", "best probe", "trained"):
        table.add_column(column, justify="right")
    for column in ("changed", "data"):
        table.add_column(column)
    for sweep in document["sweeps"]:
        changed = f"{duration(now - sweep['changed'])} ago"
        if sweep["error"] is not None:
            table.add_row(sweep["name"], sweep["state"], "-", "-", "-", "-", changed, "-")
            continue
        counts, best = sweep["counts"], sweep["best"]
        table.add_row(
            sweep["name"],
            sweep["state"],
            f"{counts['finished'] + counts['stopped']}/{sweep['trials']}",
            str(counts["failed"]),
            "-" if best is None else f"{best['value']:.4g} ({best['metric'].split('/')[0]})",
            duration(sweep["train_s"]) if sweep["train_s"] else "-",
            changed,
            ", ".join(sweep["data"]),
        )
    return table


def error_lines(document: dict[str, Any]) -> list[str]:
    """Why sweeps could not be read."""
    return [f"{s['name']}: {s['error']}" for s in document["sweeps"] if s["error"] is not None]


def duration(seconds: float) -> str:
    """Whole seconds, minutes, hours or days, whichever is the largest that there is one of."""
    for size, unit in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"
