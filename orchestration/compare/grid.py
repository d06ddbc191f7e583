"""VAE and CVAE side by side, or what else differs between the trials of a grid."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from cvae_core.config import BASELINES, TrialConfig
from orchestration.errors import UserError
from orchestration.ledger.documents import TRAINED
from orchestration.spec.trial_names import Names, names_of, setting_text, settings_of
from orchestration.status.metric_columns import headlines
from orchestration.terminal.tables import Column, Sheet


def comparison_document(document: dict[str, Any], by: str = "model") -> dict[str, Any]:
    """What ``compare --json`` prints of a grid.

    Args:
        document: as ``status --json`` prints it.
        by: the setting whose values stand side by side.

    Raises:
        UserError: the trials do not differ in that setting.
    """
    rows = comparison_rows(document["trials"], by)
    for row in rows:
        row["metrics"] = {
            name: {"mean": mean, "sd": spread, "n": row["counts"][name]}
            for name, (mean, spread) in row["metrics"].items()
        }
        del row["counts"]
    return {
        "name": document["name"],
        "state": document["state"],
        "kind": "grid",
        "by": by,
        "counts": document["counts"],
        "rows": rows,
    }


def comparison_rows(trials: list[dict[str, Any]], by: str = "model") -> list[dict[str, Any]]:
    """One row per setting, over its seeds; a VAE stands above the CVAEs of its β, baselines last.

    Args:
        trials: as in ``status --json``.
        by: the setting whose values stand below one another, the others being equal.

    Returns:
        Rows with ``name``, ``model``, ``baseline`` (whether it is one), ``settings`` (those that
        differ within the sweep), ``keys`` and ``trials`` (which, and how many were trained to their
        end), ``stopped`` (how many a scheduler has stopped), ``train_s`` (mean), and ``metrics``:
        for each a mean and, over more than one seed, a standard deviation; ``counts`` says how many
        trials have each. What a stopped trial had reached is in none of these figures; where all
        were stopped, ``train_s`` is what they took.

    Raises:
        UserError: the trials do not differ in ``by``.
    """
    names = names_of(trials)
    check_by(by, ["model", *names.varied, *(["seed"] if names.seeds else [])])
    done = [_Done(trial, names, by) for trial in trials if trial["state"] in TRAINED]
    varied = _columns(names, by)
    # What a CVAE alone has does not tell a VAE from the CVAEs beside it.
    compared = [trial for trial in done if not trial.baseline]
    others = [
        name
        for name in varied
        if name != by and (by != "model" or all(name in trial.values for trial in compared))
    ]
    groups: dict[str, list[_Done]] = {}
    families: dict[str, int] = {}
    sides: dict[str, int] = {}
    for trial in done:
        groups.setdefault(trial.settings(varied), []).append(trial)
        families.setdefault(trial.settings(others), len(families))
        # A VAE comes first, wherever the grid has it.
        vae = by == "model" and trial.model == "vae"
        sides.setdefault(trial.settings([by]), -1 if vae else len(sides))
    ordered = sorted(
        groups.values(),
        key=lambda group: (
            _place_of(group[0].model),
            families[group[0].settings(others)],
            sides[group[0].settings([by])],
        ),
    )
    return [_row(group, varied[1:] if by == "model" else varied) for group in ordered]


def check_by(by: str, known: list[str]) -> None:
    """Refuse to set side by side what does not differ.

    Raises:
        UserError: it names the settings that do.
    """
    if by not in known:
        raise UserError(
            f"--by {by}: the trials do not differ in it, so there is nothing to set side by side; "
            f"use one of: {', '.join(known)}"
        )


def comparison_table(
    trials: list[dict[str, Any]], by: str = "model", title: str | None = None
) -> Sheet:
    """The rows as a table for a terminal."""
    rows, names = comparison_rows(trials, by), names_of(trials)
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
        *(
            Column(
                names.labels.get(name, name),
                [_setting_cell(row, name) for row in rows],
                right=name != "model",
                setting=True,
            )
            for name in _columns(names, by)
        ),
        *([seeds] if any(row["trials"] + row["stopped"] > 1 for row in rows) else []),
        *([stopped] if any(row["stopped"] for row in rows) else []),
        *metrics,
        Column("training", [f"{row['train_s']:.0f} s" for row in rows], rank=4, right=True),
    ]
    sides = "VAE and CVAE" if by == "model" else f"values of {by}"
    return Sheet(title or f"{sides} side by side", columns, [row["name"] for row in rows])


def _columns(names: Names, by: str) -> list[str]:
    """The settings that tell rows apart, that which is compared first; seeds are one row."""
    return list(dict.fromkeys([by, "model", *names.varied]))


class _Done:
    """A trial at its end, with its settings under flat names."""

    def __init__(self, document: Mapping[str, Any], names: Names, by: str) -> None:
        config = TrialConfig.from_settings(document["config"])
        self.document = document
        self.model = config.model
        self.baseline = config.model in BASELINES
        self.values = settings_of(config)
        self.name = names.name(config, seed=by == "seed")

    def settings(self, names: list[str]) -> str:
        """The values of these settings, to be told apart."""
        return repr([self.values.get(name, "has none") for name in names])


def _place_of(model: str) -> int:
    """0 of what is compared, then baselines in the order of their declaration."""
    return 1 + list(BASELINES).index(model) if model in BASELINES else 0


def _row(group: list[_Done], shown: list[str]) -> dict[str, Any]:
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
        "baseline": first.baseline,
        "settings": {name: first.values.get(name) for name in shown},
        "keys": [each["key"] for each in documents],
        "trials": len(documents),
        "stopped": len(stopped),
        "train_s": statistics.fmean(each["train_s"] for each in documents or stopped),
        "metrics": metrics,
        "counts": counts,
    }


def _setting_cell(row: Mapping[str, Any], name: str) -> str:
    """A setting of a row; of baselines the model says what they are."""
    text = setting_text(row["settings"].get(name, row.get(name)))
    return f"{text} (baseline)" if name == "model" and row["baseline"] else text


def _cell(row: Mapping[str, Any], name: str) -> str:
    """Mean and spread; how many trials have the figure, where not all have."""
    if name not in row["metrics"]:
        return "-"
    mean, spread = row["metrics"][name]
    text = f"{mean:.4g} ± {spread:.2g}" if spread else f"{mean:.4g}"
    count = row["counts"][name]
    return text if count == row["trials"] else f"{text} ({count} of {row['trials']})"
