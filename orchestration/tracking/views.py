"""MLflow's saved views of a sweep: its curves over the seeds, and its pictures side by side.

Tried in a browser with the versions in ``TRIED``: MLflow documents nothing of how it keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.evaluation.metrics import describe
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import names_in
from orchestration.tracking.best import best_by
from orchestration.tracking.grid_images import KEYS, PART_OF
from orchestration.tracking.groups import group_keys
from orchestration.tracking.run_fields import parameters
from orchestration.tracking.view_state import FILTER, MOST_LINES, chart, packed, section, state

TRIED = frozenset({"3.17.0", "3.17.1", "3.17.2"})
"""Versions of MLflow whose pages open the views as they are meant; for others none is written."""
TAG = "mlflow.sharedViewState."
"""Of an experiment, before the key of a view."""
LONGEST = 20_000
"""Characters of a view, as MLflow's pages have it."""
CURVES, PICTURES = "curves", "pictures"
"""Keys of the views, as they stand in addresses."""
NAMES = {CURVES: "cvae-sweep: curves", PICTURES: "cvae-sweep: pictures"}
"""In MLflow's list of views."""
EPOCHS = ("val/loss", "val/reconstruction", "val/kl", "val/contrastive", "val/probe_accuracy")
ENDS = ("probe/accuracy", "probe/knn_accuracy", "test/reconstruction_mse", "fd/", "fid/")
"""Metrics of the end, or how their names begin."""
UNGROUPED = "Model metrics"
"""MLflow's section of what has no slash in its name."""


@dataclass(frozen=True)
class _Found:
    """What the trials of a sweep have by now."""

    metrics: list[str]
    files: Set[str]
    """Names of what the evaluations made."""
    epoch: int
    """The last."""


def _found(ledger: Ledger) -> _Found:
    with ledger.guard:  # others are at work on the trials
        trials = ledger.planned()
        parts = [part for trial in trials for part in trial.evaluations.values()]
        return _Found(
            metrics=sorted({name for trial in trials for name in trial.metrics}),
            files={ref.path.rpartition("/")[2] for part in parts for ref in part.artifacts},
            epoch=max((trial.epoch for trial in trials), default=0),
        )


def views_of(ledger: Ledger) -> dict[str, str]:
    """What the tags of the views hold, by their keys; one that is too long is left out."""
    made = int(ledger.sweep.created * 1000)
    found = _found(ledger)
    states = {CURVES: _curves(ledger, found.metrics)}
    pictures = _keys(ledger, found.files)
    if pictures:
        states[PICTURES] = _pictures(ledger, pictures, found)
    about = {"createdAt": made, "updatedAt": made}
    tags = {
        key: json.dumps({"name": NAMES[key], "state": packed(shown), **about})
        for key, shown in states.items()
    }
    return {key: tag for key, tag in tags.items() if len(tag) <= LONGEST}


def installed_version() -> str:
    """Of the MLflow that opens the pages of a database."""
    return version("mlflow")


def view_path(experiment_id: str, key: str) -> str:
    """Address of a view, below that of the server. With other options MLflow would ignore it."""
    return f"/#/experiments/{experiment_id}/runs?viewStateShareKey={key}&compareRunsMode=CHART"


def _curves(ledger: Ledger, measured: Sequence[str]) -> dict[str, Any]:
    """The curves of a grid, seeds as one line between their extremes; of a search, its trials."""
    names = names_in(ledger)
    settings = ["model", *names.varied]
    search = bool(ledger.sweep.studies)
    grouped = names.seeds and not search
    curves = [*EPOCHS, *(name for name in measured if name.startswith("val/fd_"))]
    ends = [name for begin in ENDS for name in measured if _is_end(name, begin)]
    charts = [chart("LINE", name, "epochs", metricKey=name) for name in curves]
    charts += [chart("BAR", name, "ends", metricKey=name) for name in ends]
    charts += _trade_offs(ends)
    configs = [TrialConfig.from_settings(trial.config) for trial in ledger.planned()]
    runs = [parameters(config) for config in configs]
    if search:
        goal, _ = best_by(ledger.sweep)
        charts += _by_setting(settings, runs, goal)
    keys = group_keys(settings, runs) if grouped else []
    by = [{"mode": mode, "groupByData": name} for mode, name in keys]
    lines = {names.name(config, seed=not grouped) for config in configs}
    return state(
        ledger,
        compareRunCharts=charts,
        compareRunSections=[
            section("epochs", "By epoch"),
            section("ends", "At the end"),
            *_folded([*measured, *([] if grouped else KEYS.values())]),
        ],
        groupBy={"aggregateFunction": "average", "groupByKeys": by} if by else None,
        runsHiddenMode="SHOW_ALL" if len(lines) <= MOST_LINES else "FIRST_20_RUNS",
    )


def _is_end(name: str, begin: str) -> bool:
    whole = not begin.endswith("/")
    return name == begin if whole else name.startswith(begin) and "_floor" not in name


def _by_setting(
    settings: Sequence[str], runs: Sequence[Mapping[str, str]], goal: str
) -> list[dict[str, Any]]:
    """What settings led to: those that all trials have, then all, for those that have them."""
    common = [name for name in settings if all(name in run for run in runs)]
    return [
        chart(
            "PARALLEL",
            f"{goal} by {', '.join(chosen)}",
            "ends",
            selectedParams=list(chosen),
            selectedMetrics=[goal],
            showAllRuns=True,
        )
        for chosen in dict.fromkeys((tuple(common), tuple(settings)))
    ]


def _trade_offs(ends: Sequence[str]) -> list[dict[str, Any]]:
    """The first metric of the end against each that is to be small."""
    return [
        chart(
            "SCATTER",
            f"{ends[0]} against {name}",
            "ends",
            xaxis={"key": name, "type": "METRIC"},
            yaxis={"key": ends[0], "type": "METRIC"},
            runsCountToCompare=100,
        )
        for name in ends[1:]
        if (metric := describe(name)) is not None and metric.better == "lower"
    ]


def _pictures(ledger: Ledger, keys: list[str], found: _Found) -> dict[str, Any]:
    """Pictures of the trials of one seed, ten at most; with a slider where there are epochs.

    First all of a trial below one another, then each kind, larger.
    """
    seeds = dict.fromkeys(trial.config["seed"] for trial in ledger.planned())
    one_seed = len(seeds) > 1 and not ledger.sweep.studies
    bare = {"showRunParams": False}
    return state(
        ledger,
        searchFilter=f"{FILTER} and params.seed = '{next(iter(seeds))}'" if one_seed else FILTER,
        compareRunCharts=[
            chart("IMAGE", " ".join(k), "pictures", imageKeys=k, step=found.epoch, **bare)
            for k in ([keys] if len(keys) > 1 else []) + [[key] for key in keys]
        ],
        compareRunSections=[
            {**section("pictures", "Pictures"), "columns": 1, "cardHeight": 640},
            *_folded(found.metrics),
        ],
    )


def _keys(ledger: Ledger, files: Set[str]) -> list[str]:
    """Keys of the pictures that there are; before there are any, of those that are to come."""
    wanted = ledger.sweep.spec.get("evaluation") or {}
    to_come = [name for name in KEYS if wanted.get(PART_OF[name], True) is not False]
    return [KEYS[name] for name in ([name for name in KEYS if name in files] or to_come)]


def _folded(measured: Sequence[str]) -> list[dict[str, Any]]:
    """Sections of all other metrics, which MLflow adds: closed, until somebody opens them."""
    names = (*EPOCHS, "train/loss", "time/epoch_s", *measured)
    groups = sorted({name.rpartition("/")[0] or UNGROUPED for name in names})
    return [section(group, group, display=False) for group in groups]
