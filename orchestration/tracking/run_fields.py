"""What an MLflow run says of a trial or a sweep, as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import yaml

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.evaluation.figures import BLUE, GREY, ORANGE
from cvae_core.identity import relevant
from orchestration.ledger.documents import Epoch, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import REPORT
from orchestration.spec.flat_names import flat
from orchestration.spec.trial_names import arms_text, settings_of, stages_text

STATUSES = {"running": "RUNNING", "pending": "KILLED", "failed": "FAILED"}
SWEEP_STATUSES = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
KEY_TAG = "trial_key"
PARENT = "parent"
"""Stands for the sweep's own run where runs are named by their trial keys."""
SWEEP_TAG = "cvae_sweep.sweep_id"
LONGEST = 500
"""Characters of a parameter that every MLflow takes."""
PARENT_TAG = f"{SWEEP_TAG}.parent"
COLOURS = {"vae": BLUE, "cvae": ORANGE}
"""Of runs in MLflow's charts: those of all pictures here."""
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""libyaml's, where there is one, writes the same in a tenth of the time."""
PACKAGES = ("cvae-sweep", "torch", "ray", "mlflow", "numpy", "scikit-learn", "umap-learn")


def as_yaml(settings: Mapping[str, Any]) -> str:
    """Settings as they stand in a file of a run."""
    text: str = yaml.dump(dict(settings), Dumper=DUMPER, sort_keys=False, allow_unicode=True)
    return text


FILES = "artifacts."
"""Begins the tags that say which files a run has."""


def text_tag(name: str) -> str:
    """Of the tag that says which text a file of a run has."""
    return f"{FILES}{name}"


def param_text(value: Any) -> str:
    """A setting as a parameter of a run, by which runs are found and grouped; stages by name."""
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return stages_text(value)[:LONGEST]
    return str(value)


def status_of(trial: Trial) -> str:
    """MLflow's word for the state of a trial."""
    return STATUSES.get(trial.state, "FINISHED")


def sweep_status(sweep: Sweep) -> str:
    """MLflow's word for how a sweep stands."""
    return SWEEP_STATUSES.get(sweep.outcome, "RUNNING")


def sweep_tags(sweep: Sweep, configured: Mapping[str, str]) -> dict[str, str]:
    """What all runs of a sweep have in common; ``configured`` is what mlflow.yaml adds."""
    tags = {**configured, SWEEP_TAG: sweep.sweep_id, "sweep": sweep.name}
    if sweep.code.get("git_commit"):
        tags["git_commit"] = sweep.code["git_commit"]
        tags["mlflow.source.git.commit"] = sweep.code["git_commit"]
    return tags | {f"version.{name}": number for name, number in package_versions().items()}


def table_tags(sweep: Sweep) -> dict[str, str]:
    """Which of the files of a sweep's run are tables, as ``log_table`` says it."""
    report = sweep.evaluations.get(REPORT)
    names = [ref.path.rpartition("/")[2] for ref in (report.artifacts if report else ())]
    tables = [
        {"path": f"{REPORT}/{name}", "type": "table"} for name in names if name[-5:] == ".json"
    ]
    return {"mlflow.loggedArtifacts": json.dumps(tables)} if tables else {}


def trial_tags(trial: Trial, config: TrialConfig) -> dict[str, str]:
    """What tells a trial from others, and its run's name."""
    if config.model in BASELINES:
        return _baseline_tags(trial, config)
    tags = {
        KEY_TAG: trial.key,
        "model": config.model,
        "beta": f"{config.beta:g}",
        "seed": str(config.seed),
        "data": config.data.name,
    }
    name = f"{config.model} β={config.beta:g}"
    if config.model == "cvae":
        tags |= {"lambda": f"{config.lambda_:g}", "tau": f"{config.tau:g}"}
        name += f" λ={config.lambda_:g} τ={config.tau:g}"
    name = " ".join(part for part in (name, arms_text(config)) if part)
    colour = {"mlflow.runColor": COLOURS[config.model]}
    return tags | colour | {"mlflow.runName": f"{name} seed={config.seed}"}


def trained_with(trial: Trial) -> dict[str, str]:
    """The torch that a trial was trained with, which need not be that of whoever tells MLflow."""
    noted = [attempt.worker["torch"] for attempt in trial.attempts if attempt.worker.get("torch")]
    return {"version.torch": str(noted[-1])} if noted else {}


def parameters(config: TrialConfig) -> dict[str, str]:
    """The settings that matter to a trial."""
    settings = flat(relevant(config, identity=False))
    return {name: param_text(value) for name, value in settings.items()}


def _baseline_tags(trial: Trial, config: TrialConfig) -> dict[str, str]:
    """The same of a baseline, by what it depends on."""
    own = settings_of(config)
    tags = {KEY_TAG: trial.key, "model": config.model, "baseline": "true", "data": config.data.name}
    name = f"{config.model} (baseline)"
    if "architecture.latent_dim" in own:
        name += f" latent_dim={config.architecture.latent_dim}"
    if "seed" in own:
        tags["seed"] = str(config.seed)
        name += f" seed={config.seed}"
    return tags | {"mlflow.runColor": GREY, "mlflow.runName": name}


def study_tags(ledger: Ledger, key: str) -> dict[str, str]:
    """Which study asked for a trial, and when; whose best it repeats."""
    for study in ledger.planned_studies():
        if key in study.replicates:
            return {"study": study.name, "origin": "replicate", "replicate_of": str(study.winner)}
        for ask in study.asks:
            if ask.key == key:
                return {"study": study.name, "origin": ask.origin, "ask": str(ask.number)}
    return {}


def epoch_metrics(epoch: Epoch) -> dict[str, float]:
    """Metrics of an epoch as MLflow shows them; times apart from what is compared."""
    times = {"time/epoch_s": epoch.epoch_s, "time/images_per_s": epoch.images_per_s}
    return epoch.metrics | times


@cache
def package_versions() -> Mapping[str, str]:
    """Versions of the packages that decide results; looked for once, as every run has them."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed
