"""A plan as plain values and as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cvae_core.config import TrialConfig
from orchestration.counting import count
from orchestration.flatten import flat
from orchestration.ledger import Ledger
from orchestration.naming import LABELS, Names, names_of, setting_text, settings_of
from orchestration.plan import Plan
from orchestration.status import trial_fields
from orchestration.tables import Column, Sheet


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


def plan_table(document: dict[str, Any]) -> Sheet:
    """A plan for a terminal."""
    trials = document["trials"]
    names = names_of(trials)
    columns = [
        Column("trial", [trial["key"] for trial in trials]),
        Column("state", [trial["state"] for trial in trials]),
        *setting_columns(trials, names),
    ]
    for title, name in (("data", "data.name"), ("epochs", "epochs")):
        if name not in names.varied:
            cells = [str(flat(trial["config"])[name]) for trial in trials]
            columns.append(Column(title, cells, rank=5, right=title == "epochs"))
    title = f"{document['name']}: {count(len(trials), 'trial')}"
    return Sheet(title, columns, trial_names(trials, names))


def setting_columns(trials: list[dict[str, Any]], names: Names) -> list[Column]:
    """Model, β, λ, τ, whatever else varies, and seed; those that vary are the last to go."""
    values = [settings_of(TrialConfig.from_settings(trial["config"])) for trial in trials]
    shown = list(dict.fromkeys(("model", "beta", "lambda", "tau", *names.varied, "seed")))
    return [
        Column(
            LABELS.get(name) or names.labels.get(name, name),
            [setting_text(known.get(name)) for known in values],
            rank=0 if varies else 9,
            setting=varies,
        )
        for name in shown
        for varies in [name in names.varied or name == "model" or (name == "seed" and names.seeds)]
    ]


def trial_names(trials: list[dict[str, Any]], names: Names) -> list[str]:
    """What the trials are called, each on one line."""
    return [names.name(TrialConfig.from_settings(trial["config"])) for trial in trials]
