"""VAE and CVAE side by side."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from cvae_core.config import TrialConfig
from orchestration.columns import headlines
from orchestration.naming import Names, names_of, setting_text, settings_of
from orchestration.tables import Column, Sheet


def comparison_rows(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per setting, over its seeds; a VAE stands above the CVAEs of its β.

    Args:
        trials: as in ``status --json``.

    Returns:
        Rows with ``name``, ``model``, ``settings`` (those that differ within the sweep),
        ``trials`` (how many were trained to their end), ``stopped`` (how many a scheduler has
        stopped), ``train_s`` (mean), and ``metrics``: for each a mean and, over more than one
        seed, a standard deviation; ``counts`` says how many trials have each. What a stopped
        trial had reached is in none of these figures; where all were stopped, ``train_s`` is
        what they took.
    """
    names = names_of(trials)
    done = [_Done(trial, names) for trial in trials if trial["state"] in ("finished", "stopped")]
    # What a CVAE alone has does not tell a VAE from the CVAEs beside it.
    shared = [name for name in names.varied if all(name in trial.values for trial in done)]
    groups: dict[str, list[_Done]] = {}
    families: dict[str, int] = {}
    for trial in done:
        groups.setdefault(trial.model + trial.settings(names.varied), []).append(trial)
        families.setdefault(trial.settings(shared), len(families))
    ordered = sorted(
        groups.values(),
        key=lambda group: (families[group[0].settings(shared)], group[0].model != "vae"),
    )
    return [_row(group, names) for group in ordered]


def comparison_table(trials: list[dict[str, Any]]) -> Sheet:
    """The rows as a table for a terminal."""
    rows, names = comparison_rows(trials), names_of(trials)
    metrics = [
        Column(
            title,
            [_cell(row, name) for row in rows],
            rank=rank,
            right=True,
        )
        for name, (title, rank) in headlines(n for row in rows for n in row["metrics"]).items()
    ]
    stopped = Column(
        "stopped early", [str(row["stopped"] or "-") for row in rows], rank=4, right=True
    )
    seeds = Column("seeds", [str(row["trials"]) for row in rows], rank=5, right=True)
    columns = [
        Column("model", [row["model"] for row in rows], setting=True),
        *(
            Column(
                names.labels[name],
                [setting_text(row["settings"][name]) for row in rows],
                right=True,
                setting=True,
            )
            for name in names.varied
        ),
        *([seeds] if any(row["trials"] + row["stopped"] > 1 for row in rows) else []),
        *([stopped] if any(row["stopped"] for row in rows) else []),
        *metrics,
        Column("training", [f"{row['train_s']:.0f} s" for row in rows], rank=4, right=True),
    ]
    return Sheet("VAE and CVAE side by side", columns, [row["name"] for row in rows])


class _Done:
    """A trial at its end, with its settings under flat names."""

    def __init__(self, document: Mapping[str, Any], names: Names) -> None:
        config = TrialConfig.from_settings(document["config"])
        self.document = document
        self.model = config.model
        self.values = settings_of(config)
        self.name = names.name(config, seed=False)

    def settings(self, names: list[str]) -> str:
        """The values of these settings, to be compared."""
        return repr([self.values.get(name, "has none") for name in names])


def _row(group: list[_Done], names: Names) -> dict[str, Any]:
    first = group[0]
    documents = [t.document for t in group if t.document["state"] == "finished"]
    stopped = [t.document for t in group if t.document["state"] == "stopped"]
    metrics, counts = {}, {}
    for name in dict.fromkeys(name for each in documents for name in each["metrics"]):
        values = [each["metrics"][name] for each in documents if name in each["metrics"]]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else None
            metrics[name] = (statistics.fmean(values), spread)
            counts[name] = len(values)
    return {
        "name": first.name,
        "model": first.model,
        "settings": {name: first.values.get(name) for name in names.varied},
        "trials": len(documents),
        "stopped": len(stopped),
        "train_s": statistics.fmean(each["train_s"] for each in documents or stopped),
        "metrics": metrics,
        "counts": counts,
    }


def _cell(row: Mapping[str, Any], name: str) -> str:
    """Mean and spread; how many trials have the figure, where not all have."""
    if name not in row["metrics"]:
        return "-"
    mean, spread = row["metrics"][name]
    text = f"{mean:.4g} ± {spread:.2g}" if spread else f"{mean:.4g}"
    count = row["counts"][name]
    return text if count == row["trials"] else f"{text} ({count} of {row['trials']})"
