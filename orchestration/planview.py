"""A plan as plain values and as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.ledger import Ledger
from orchestration.plan import Plan
from orchestration.status import trial_fields


def plan_document(name: str, plan: Plan, storage: Path) -> dict[str, Any]:
    """The trials of a plan, each with the state that its ledger knows."""
    folder = storage / name
    known = Ledger.open(folder).trials if Ledger.exists(folder) else {}
    return {
        "name": name,
        "trials": [
            {
                "key": key,
                "state": known[key].state if key in known else "pending",
                **trial_fields(config),
            }
            for key, config in plan.trials.items()
        ],
    }


def plan_table(document: dict[str, Any]) -> Table:
    """A plan for a terminal."""
    trials = document["trials"]
    title = f"{document['name']}: {len(trials)} trials"
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    for column in ("trial", "state", "model", "β", "λ", "τ", "seed", "data", "epochs"):
        table.add_column(column)
    for trial in trials:
        table.add_row(
            trial["key"],
            trial["state"],
            *setting_cells(trial),
            trial["config"]["data"]["name"],
            str(trial["config"]["epochs"]),
        )
    return table


def setting_cells(trial: dict[str, Any]) -> list[str]:
    """Model, β, λ, τ and seed as text."""
    numbers = [trial[name] for name in ("beta", "lambda", "tau")]
    return [
        trial["model"],
        *("-" if number is None else f"{number:g}" for number in numbers),
        str(trial["seed"]),
    ]
