"""VAE and CVAE side by side."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.flatten import flat

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
    varied = _varied(trials)
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


def comparison_table(trials: list[dict[str, Any]]) -> Table:
    """The rows as a table for a terminal."""
    rows = comparison_rows(trials)
    varied = list(rows[0]["settings"]) if rows else []
    table = Table(box=SIMPLE_HEAD, title="VAE and CVAE side by side", title_justify="left")
    table.add_column("model")
    for name in varied:
        table.add_column({"beta": "β", "lambda": "λ", "tau": "τ"}.get(name, name), justify="right")
    for title in ("seeds", *COLUMNS.values(), "training"):
        table.add_column(title, justify="right")
    for row in rows:
        settings = [_text(row["settings"][name]) for name in varied]
        metrics = [_mean_text(row["metrics"].get(name)) for name in COLUMNS]
        table.add_row(
            row["model"], *settings, str(row["trials"]), *metrics, f"{row['train_s']:.0f} s"
        )
    return table


def _flat(trial: Mapping[str, Any]) -> dict[str, Any]:
    values = flat(trial["config"])
    for name in ("model", "beta", "lambda", "tau"):
        values[name] = trial[name]
    return values


def _varied(trials: list[dict[str, Any]]) -> list[str]:
    """Names of the settings that differ between trials, besides model and seed; β, λ, τ first."""
    values: dict[str, set[str]] = {"beta": set(), "lambda": set(), "tau": set()}
    for trial in trials:
        for name, value in _flat(trial).items():
            if value is not None:
                values.setdefault(name, set()).add(repr(value))
    return [n for n, found in values.items() if len(found) > 1 and n not in ("model", "seed")]


def _settings(trial: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    values = _flat(trial)
    return {name: values[name] for name in names}


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


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
