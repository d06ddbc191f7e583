"""All sweeps of a storage folder, as plain values.

Of each trial's document only what is listed is taken: a hundred sweeps of a hundred trials are
read in about a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from cvae_core.baselines import BASELINES
from cvae_core.errors import ConfigError
from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.at_work import is_at_work
from orchestration.ledger.documents import TRAINED
from orchestration.ledger.folders import last_change, read_sweep
from orchestration.ledger.ledger import planned_keys, read_studies
from orchestration.ledger.paths import sweep_names, trial_path
from orchestration.ledger.weights import of_final_weights
from orchestration.status.state import counts_of, state_of
from orchestration.status.status import STATES
from orchestration.study.progress import to_come

# Validation figures first: a best trial is not to be chosen by its test figures.
BEST = ("val/probe_accuracy", "probe/accuracy")


class _Epoch(BaseModel):
    epoch: int
    epoch_s: float
    metrics: dict[str, float]
    best_epoch: int | None = None


class _Part(BaseModel):
    metrics: dict[str, float]


class _Trial(BaseModel):
    key: str
    config: dict[str, Any]
    state: str
    epochs: list[_Epoch]
    evaluations: dict[str, _Part]

    def latest(self, name: str) -> float | None:
        """A metric as in ``Trial.metrics``; None also where this version cannot read its course."""
        try:
            epochs = of_final_weights(self) if self.state in TRAINED else self.epochs
        except ConfigError:
            return None
        reported = [epoch.metrics for epoch in epochs]
        reported += [part.metrics for entry, part in self.evaluations.items() if "@" not in entry]
        return next((found[name] for found in reversed(reported) if name in found), None)


def list_document(storage: Path) -> dict[str, Any]:
    """The sweeps of a storage folder, the latest change first.

    A sweep that cannot be read has the state ``damaged`` and an ``error``.
    """
    sweeps = [_row(storage / name) for name in sweep_names(storage)]
    sweeps.sort(key=lambda row: -row["changed"])
    return {"storage": str(storage), "sweeps": sweeps}


def _row(folder: Path) -> dict[str, Any]:
    row: dict[str, Any] = {"name": folder.name, "changed": last_change(folder), "error": None}
    try:
        return row | _summary(folder)
    except (UserError, OSError) as error:
        return row | _nothing(str(error))
    except ValidationError as error:
        return row | _nothing(f"{folder}: is damaged ({error.error_count()} fields are wrong)")


def _summary(folder: Path) -> dict[str, Any]:
    sweep, alive = read_sweep(folder), is_at_work(folder)
    studies = read_studies(folder) if sweep.studies else {}
    keys = planned_keys(sweep, studies)
    found = {key: trial for key in keys if (trial := _read(folder, key)) is not None}
    trials = list(found.values())
    # What repeats a study's best is no further trial that might be better, and no baseline is.
    beside = {key for study in studies.values() for key in study.replicates}
    beside |= {trial.key for trial in trials if trial.config.get("model") in BASELINES}
    replicates = (sweep.spec.get("search") or {}).get("replicates", 0)
    asked = [studies[key] for key in sweep.studies if key in studies]
    total = len(keys) + to_come(asked, found, replicates)
    counts = counts_of([trial.state for trial in trials], total, alive=alive)
    return {
        "state": state_of(counts, alive=alive),
        "counts": {state: counts.get(state, 0) for state in STATES},
        "trials": total,
        "best": _best([trial for key, trial in found.items() if key not in beside]),
        "train_s": sum(epoch.epoch_s for trial in trials for epoch in trial.epochs),
        "data": sorted({name.partition("-")[0] for name in sweep.data}),
    }


def _nothing(error: str) -> dict[str, Any]:
    return {
        "state": "damaged",
        "counts": None,
        "trials": None,
        "best": None,
        "train_s": None,
        "data": None,
        "error": error,
    }


def _read(folder: Path, key: str) -> _Trial | None:
    try:
        text = store.read_text(folder / trial_path(key))
    except FileNotFoundError:
        return None  # it is written when the plan is entered
    return _Trial.model_validate_json(text)


def _best(trials: list[_Trial]) -> dict[str, Any] | None:
    for name in BEST:
        values = [(v, trial.key) for trial in trials if (v := trial.latest(name)) is not None]
        if values:
            value, key = max(values)
            return {"metric": name, "value": value, "key": key}
    return None
