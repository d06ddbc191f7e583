"""Both sides of ``grid.py``, each in processes of its own: what they cost and what came of them."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from watched import Cost
from watched import run as watched

from cvae_core.evaluation.parts import PARTS
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger

HERE = Path(__file__).resolve().parent
JUDGED = ("probe", "umap")
SWEEP = """\
name: grid
baselines: false
base: {{data: {{name: mnist}}, epochs: {epochs}, learning_rate: {rate}, precision: {precision}}}
grid: {{model: {models}, beta: {betas}}}
seeds: {seeds}
evaluation: {{probe_every: 0, {parts}}}
"""


class Grid(NamedTuple):
    """What is trained; every combination is a trial."""

    betas: tuple[float, ...] = (1e-3, 1e-5, 1e-8)
    """The paper's."""
    seeds: tuple[int, ...] = (0, 1)
    epochs: int = 3
    learning_rate: float = 1e-3
    """Ten times the default: three epochs then give latents that tell classes apart."""
    models: tuple[str, ...] = ("vae", "cvae")
    concurrent: int = 2
    views: int = 2
    """Of a CVAE's, that the plain script augments image by image."""


class Result(NamedTuple):
    """What came of a trial: means over its last epoch, and the probe's share of test images."""

    steps: int
    loss: float
    reconstruction: float
    kl: float
    accuracy: float


Results = dict[tuple[str, float, int], Result]
"""By model, β and seed."""


class Run(NamedTuple):
    """One run of one side."""

    cost: Cost
    results: Results
    spent: dict[str, float]
    """Seconds by what they went into; empty for the plain script, which does not tell."""


def plain_run(grid: Grid, root: Path, folder: Path) -> Run:
    """The script of ``plain_sweep.py`` on the files below ``root``; ``folder`` is new."""
    folder.mkdir()
    command = [sys.executable, str(HERE / "plain_sweep.py"), "--data-root", str(root)]
    for name, values in (
        ("--model", grid.models),
        ("--beta", grid.betas),
        ("--seed", grid.seeds),
        ("--epochs", [grid.epochs]),
        ("--learning-rate", [grid.learning_rate]),
        ("--views", [grid.views]),
        ("--concurrent", [grid.concurrent]),
    ):
        command += [name, *map(str, values)]
    cost = watched(command, folder, environment() | {"RAY_TMPDIR": str(folder)})
    rows = json.loads((folder / "results.json").read_text())
    if any(row["threads"] != 1 for row in rows):
        raise SystemExit("the plain script did not train on one thread each")
    return Run(cost, {key_of(row): result_of(row) for row in rows}, {})


def our_run(grid: Grid, precision: str, root: Path, folder: Path) -> Run:
    """A sweep file by ``cvae-sweep run``; ``root`` and ``folder`` as in ``plain_run``."""
    folder.mkdir()
    parts = ", ".join(f"{part}: {str(part in JUDGED).lower()}" for part in PARTS)
    sweep = SWEEP.format(
        epochs=grid.epochs,
        rate=grid.learning_rate,
        precision=precision,
        models=list(grid.models),
        betas=list(grid.betas),
        seeds=list(grid.seeds),
        parts=parts,
    )
    (folder / "sweep.yaml").write_text(sweep)
    command = [sys.executable, str(HERE / "unchecked_command.py"), "run", "sweep.yaml"]
    command += ["--data-root", str(root), "--storage", "runs"]
    command += ["--max-concurrent", str(grid.concurrent)]
    began = time.time()
    cost = watched(command, folder, environment())
    ledger = Ledger.open(folder / "runs" / "grid")
    trials = ledger.planned()
    results = {key_of(trial.config): ledger_result(trial, ledger.folder) for trial in trials}
    return Run(cost, results, spent(trials, began, cost.ended))


def environment() -> dict[str, str]:
    """This process's own without what would change how Ray or MLflow work."""
    own = {name: v for name, v in os.environ.items() if not name.startswith(("RAY", "MLFLOW"))}
    return own | {"RAY_USAGE_STATS_ENABLED": "0", "MLFLOW_DISABLE_TELEMETRY": "true"}


def key_of(settings: Mapping[str, Any]) -> tuple[str, float, int]:
    return settings["model"], settings["beta"], settings["seed"]


def result_of(row: Mapping[str, Any]) -> Result:
    return Result(*(row[name] for name in Result._fields))


def ledger_result(trial: Trial, folder: Path) -> Result:
    """A trial of a ledger; the steps are what its last checkpoint says of the optimiser."""
    metrics = trial.epochs[-1].metrics
    file = folder / max(trial.checkpoints, key=lambda ref: ref.epoch).path
    optimizer = torch.load(file, weights_only=True)["optimizer"]
    return Result(
        int(optimizer["state"][0]["step"]),
        metrics["train/loss"],
        metrics["train/reconstruction"],
        metrics["train/kl"],
        trial.evaluations["probe"].metrics["probe/accuracy"],
    )


def spent(trials: list[Trial], began: float, ended: float) -> dict[str, float]:
    """Where the time of a sweep went: four stretches one after another, and workers' own seconds.

    Args:
        trials: of a ledger, trained and evaluated.
        began: when the command began, seconds since 1970.
        ended: when it was over.
    """
    epochs = [epoch for trial in trials for epoch in trial.epochs]
    first = min(epoch.at - epoch.epoch_s for epoch in epochs)
    last = max(epoch.at for epoch in epochs)
    parts = {part: [trial.evaluations[part] for trial in trials] for part in JUDGED}
    evaluated = max(each.ended or last for done in parts.values() for each in done)
    return {
        "start": first - began,
        "training": last - first,
        "evaluation": max(evaluated - last, 0.0),
        "end": ended - max(evaluated, last),
        "epochs": sum(epoch.epoch_s for epoch in epochs),
        **{part: sum(each.seconds or 0.0 for each in done) for part, done in parts.items()},
    }


def medians(runs: list[Run]) -> tuple[Cost, dict[str, float]]:
    """Of each figure of the same side's runs."""
    costs = [statistics.median(values) for values in zip(*(run.cost for run in runs), strict=True)]
    parts = {part: statistics.median(run.spent[part] for run in runs) for part in runs[0].spent}
    return Cost(*costs), parts
