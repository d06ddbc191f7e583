"""The sweeps of a storage folder as a table for a terminal."""

from __future__ import annotations

from typing import Any

from orchestration.terminal.tables import Column, Sheet
from orchestration.words import rough_duration

COLUMNS = (
    ("sweep", 0, False),
    ("state", 0, False),
    ("finished", 1, True),
    ("failed", 2, True),
    ("best probe", 3, True),
    ("trained", 5, True),
    ("changed", 4, False),
    ("data", 6, False),
)
"""Title, rank where there is little room, and whether it is aligned to the right."""


def list_table(document: dict[str, Any], now: float) -> Sheet:
    """One row a sweep.

    Args:
        document: as ``list --json`` prints it.
        now: seconds since 1970, from which "ago" counts.
    """
    sweeps = document["sweeps"]
    rows = [_row(sweep, now) for sweep in sweeps]
    columns = [
        Column(title, [row[place] for row in rows], rank=rank, right=right)
        for place, (title, rank, right) in enumerate(COLUMNS)
    ]
    return Sheet(f"sweeps in {document['storage']}", columns)


def _row(sweep: dict[str, Any], now: float) -> list[str]:
    changed = f"{rough_duration(now - sweep['changed'])} ago"
    if sweep["error"] is not None:
        return [sweep["name"], sweep["state"], *["-"] * 4, changed, "-"]
    counts, best = sweep["counts"], sweep["best"]
    return [
        sweep["name"],
        sweep["state"],
        _ended(counts, sweep["trials"]),
        str(counts["failed"]),
        "-" if best is None else f"{best['value']:.4g} ({best['metric'].split('/')[0]})",
        rough_duration(sweep["train_s"]) if sweep["train_s"] else "-",
        changed,
        ", ".join(sweep["data"]),
    ]


def _ended(counts: dict[str, int], trials: int) -> str:
    """Such as ``12/24, 5 early``: those that a scheduler stopped are among them."""
    early = f", {counts['stopped']} early" if counts["stopped"] else ""
    return f"{counts['finished'] + counts['stopped']}/{trials}{early}"


def error_lines(document: dict[str, Any]) -> list[str]:
    """Why sweeps could not be read."""
    return [f"{s['name']}: {s['error']}" for s in document["sweeps"] if s["error"] is not None]
