"""Figures that a sweep file names from elsewhere, beside the same metric of the same trials here.

They are never subtracted: what was measured with other code, splits and seeds makes no pairs.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cvae_core.baselines import BASELINES
from orchestration.compare.measured import Measured, alike, measured_trials
from orchestration.ledger.ledger import Ledger
from orchestration.spec.flat_names import flat
from orchestration.spec.trial_names import setting_text, short_name
from orchestration.status.metric_columns import head
from orchestration.terminal.tables import Column, Sheet


def reported_rows(ledgers: Sequence[Ledger]) -> list[dict[str, Any]]:
    """Each figure with what was found here: mean, standard deviation and number of trials.

    A figure that several of the sweeps name is one.
    """
    trials, _ = alike([*_quotable(ledgers)])
    rows = [
        {
            "metric": named["metric"],
            "settings": flat(named.get("settings", {})),
            "value": named["value"],
            "source": named["source"],
            "beside": named.get("beside") or named["metric"],
            "here": _here(
                trials, named.get("beside") or named["metric"], flat(named.get("settings", {}))
            ),
        }
        for ledger in ledgers
        for named in ledger.sweep.spec.get("paper", [])
    ]
    return [row for number, row in enumerate(rows) if row not in rows[:number]]


def _quotable(ledgers: Sequence[Ledger]) -> Iterator[Measured]:
    """The trials beside which a figure may stand: of searches the replicates of what was found.

    A mean over all that a search has tried says nothing of any of it.
    """
    studies = [study for ledger in ledgers for study in ledger.planned_studies()]
    replicates = {key for study in studies for key in study.replicates}
    for trial in measured_trials(ledgers):
        if not studies or trial.key in replicates or trial.config.model in BASELINES:
            yield trial


def reported_sheet(rows: Sequence[Mapping[str, Any]]) -> Sheet | None:
    """The same as a table; None where nothing is named."""
    if not rows:
        return None
    columns = [
        Column("metric", [head(row["metric"]) for row in rows]),
        Column("of", [_of(row["settings"]) for row in rows], setting=True),
        Column("reported", [f"{row['value']:.4g}" for row in rows], right=True),
        Column("here", [_spread(row) for row in rows], right=True),
        Column("source", [row["source"] for row in rows], rank=1),
    ]
    return Sheet("reported elsewhere", columns, [_of(row["settings"]) for row in rows])


def _here(
    trials: Sequence[Measured], metric: str, settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    values = [
        trial.metrics[metric]
        for trial in trials
        if metric in trial.metrics
        and ("model" in settings or trial.config.model not in BASELINES)
        and all(_has(trial, name, value) for name, value in settings.items())
    ]
    if not values:
        return None
    spread = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.fmean(values), "sd": spread, "n": len(values)}


def _has(trial: Measured, name: str, value: Any) -> bool:
    """Whether a trial has a setting's value; the output that ``auto`` stands for is that, too."""
    if name == "architecture.output" and value == trial.config.data.output:
        value = "auto"
    return bool(trial.settings.get(name) == value)


def _of(settings: Mapping[str, Any]) -> str:
    names = {name: short_name(name, list(settings)) for name in settings}
    words = {name: f"{names[name]}={setting_text(value)}" for name, value in settings.items()}
    if "model" in settings:
        words["model"] = str(settings["model"])
    return " ".join(words.values()) or "all trials"


def _spread(row: Mapping[str, Any]) -> str:
    here = row["here"]
    if here is None:
        return "-"
    sd = "" if here["sd"] is None else f" ± {here['sd']:.2g}"
    other = "" if row["beside"] == row["metric"] else f"{head(row['beside'])} "
    return f"{other}{here['mean']:.4g}{sd} (n={here['n']})"
