"""VAE and CVAE side by side."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from cvae_core.config import TrialConfig
from orchestration.naming import names_of, setting_text, settings_of
from orchestration.tables import Column, Sheet

COLUMNS = {
    "probe/accuracy": "probe accuracy",
    "probe/accuracy_paper": "paper's probe",
    "test/reconstruction_mse": "test MSE",
    "val/kl": "val KL (nats)",
}


def comparison_rows(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per setting, over its seeds; a VAE stands above the CVAEs of its β.

    Args:
        trials: as in ``status --json``.

    Returns:
        Rows with ``model``, ``settings`` (those that differ within the sweep), ``trials`` (how
        many), ``train_s`` (mean), and ``metrics``: for each a mean and, over more than one seed,
        a standard deviation.
    """
    done = [trial for trial in trials if trial["state"] in ("finished", "stopped")]
    varied = names_of(trials).varied
    shared = [name for name in varied if name not in ("lambda", "tau")]
    groups: dict[str, list[dict[str, Any]]] = {}
    families: dict[str, int] = {}
    for trial in done:
        groups.setdefault(repr((trial["model"], _settings(trial, varied))), []).append(trial)
        families.setdefault(repr(_settings(trial, shared)), len(families))
    ordered = sorted(
        groups.values(),
        key=lambda group: (
            families[repr(_settings(group[0], shared))],
            group[0]["model"] != "vae",
        ),
    )
    return [_row(group, varied) for group in ordered]


def comparison_table(trials: list[dict[str, Any]]) -> Sheet:
    """The rows as a table for a terminal."""
    rows, names = comparison_rows(trials), names_of(trials)
    metrics = [
        Column(
            title,
            [_mean_text(row["metrics"].get(name)) for row in rows],
            rank=rank,
            right=True,
        )
        for rank, (name, title) in enumerate(COLUMNS.items())
    ]
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
        Column("seeds", [str(row["trials"]) for row in rows], rank=5, right=True),
        *metrics,
        Column("training", [f"{row['train_s']:.0f} s" for row in rows], rank=4, right=True),
    ]
    called = [
        " ".join(
            [
                row["model"],
                *(
                    f"{names.labels[name]}={setting_text(value)}"
                    for name, value in row["settings"].items()
                    if value is not None
                ),
            ]
        )
        for row in rows
    ]
    return Sheet("VAE and CVAE side by side", columns, called)


def _settings(trial: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    values = settings_of(TrialConfig.from_settings(trial["config"]))
    return {name: values.get(name) for name in names}


def _row(group: list[dict[str, Any]], varied: list[str]) -> dict[str, Any]:
    metrics = {}
    for name in COLUMNS:
        values = [trial["metrics"][name] for trial in group if name in trial["metrics"]]
        if values:
            spread = statistics.stdev(values) if len(values) > 1 else None
            metrics[name] = (statistics.fmean(values), spread)
    return {
        "model": group[0]["model"],
        "settings": _settings(group[0], varied),
        "trials": len(group),
        "train_s": statistics.fmean(trial["train_s"] for trial in group),
        "metrics": metrics,
    }


def _mean_text(value: tuple[float, float | None] | None) -> str:
    if value is None:
        return "-"
    mean, spread = value
    return f"{mean:.4g}" if spread is None else f"{mean:.4g} ± {spread:.2g}"
