"""A sweep's state as a table for a terminal."""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.planview import setting_cells


def status_table(document: dict[str, Any]) -> Table:
    """One row a trial."""
    counts = ", ".join(f"{n} {state}" for state, n in document["counts"].items() if n)
    title = f"{document['name']} is {document['state']}: {counts or 'no trials'}"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for column in ("trial", "state", "model", "β", "λ", "τ", "seed"):
        table.add_column(column)
    for column in ("epoch", "val loss", "val probe", "probe", "test MSE"):
        table.add_column(column, justify="right")
    for trial in document["trials"]:
        metrics = trial["metrics"]
        cells = [
            f"{metrics[name]:.4g}" if name in metrics else "-"
            for name in (
                "val/loss",
                "val/probe_accuracy",
                "probe/accuracy",
                "test/reconstruction_mse",
            )
        ]
        table.add_row(
            trial["key"],
            trial["state"],
            *setting_cells(trial),
            f"{trial['epoch']}/{trial['config']['epochs']}",
            *cells,
        )
    return table


def failure_lines(document: dict[str, Any]) -> list[str]:
    """What went wrong, a trial at a time, with the end of its traceback."""
    lines = []
    for trial in document["trials"]:
        if trial["state"] == "failed" and trial["error"]:
            lines.append(f"{trial['key']}: {trial['error']['kind']}: {trial['error']['message']}")
            lines += [f"    {line}" for line in trial["error"]["traceback"].splitlines()[-3:]]
    return lines
