"""A sweep's state as a table for a terminal."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from orchestration.failures import failure_details, failure_text, what_to_do
from orchestration.naming import names_of
from orchestration.planview import setting_columns, trial_names
from orchestration.programs import program
from orchestration.storage import storage_flags
from orchestration.tables import Column, Sheet

STYLES = {"running": "cyan", "finished": "green", "failed": "red"}
METRICS = {
    "val loss": ("val/loss", 4),
    "val probe": ("val/probe_accuracy", 3),
    "probe": ("probe/accuracy", 1),
    "test MSE": ("test/reconstruction_mse", 2),
}
"""By title: the metric and when its column goes, the highest first."""


def status_table(document: dict[str, Any]) -> Sheet:
    """One row a trial."""
    counts = ", ".join(f"{n} {state}" for state, n in document["counts"].items() if n)
    trials = document["trials"]
    names = names_of(trials)
    states = [trial["state"] for trial in trials]
    epochs = [f"{trial['epoch']}/{trial['config']['epochs']}" for trial in trials]
    columns = [
        Column("trial", [trial["key"] for trial in trials]),
        Column("state", states, styles=[STYLES.get(state, "") for state in states]),
        *setting_columns(trials, names),
        Column("epoch", epochs, right=True),
        *(
            Column(title, [_metric(trial, name) for trial in trials], rank=rank, right=True)
            for title, (name, rank) in METRICS.items()
        ),
    ]
    title = f"{document['name']} is {document['state']}: {counts or 'no trials'}"
    return Sheet(title, columns, trial_names(trials, names))


def next_lines(document: dict[str, Any], folder: Path) -> list[str]:
    """What is left to be done, and the command that does it."""
    if document["state"] != "interrupted":
        return []
    command = ["cvae-sweep", "resume", document["name"], *storage_flags(folder.parent)]
    command[0] = program(command[0])
    return [f"continue with: {shlex.join(command)}"]


def failure_lines(document: dict[str, Any], folder: Path) -> list[str]:
    """What went wrong, a trial at a time: where, and what to do.

    Args:
        document: as ``status --json`` prints it.
        folder: the sweep's.
    """
    trials = document["trials"]
    names = trial_names(trials, names_of(trials))
    lines = []
    for trial, name in zip(trials, names, strict=True):
        failures = dict(trial["evaluation_errors"])
        if trial["state"] == "failed" and trial["error"]:
            failures[""] = trial["error"]
        for part, failure in failures.items():
            what = f"evaluation ({part}) failed" if part else "failed"
            lines.append(f"{trial['key']}  {name}  {what}: {failure_text(failure)}")
            running = document["state"] == "running"
            then = what_to_do(failure, trial["config"], folder, running=running)
            lines += failure_details(failure, folder, then)
    return lines


def _metric(trial: dict[str, Any], name: str) -> str:
    return f"{trial['metrics'][name]:.4g}" if name in trial["metrics"] else "-"
