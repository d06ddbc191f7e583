"""``plan --estimate``: how long a sweep will take here, from a short calibration."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joblib import Parallel, delayed

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from orchestration.ledger.ledger import Ledger
from orchestration.plan.calibrate import Cost, calibrate, mean, once_seconds, part_seconds
from orchestration.plan.evaluation_tasks import open_tasks
from orchestration.plan.plan import Plan
from orchestration.plan.slots import count_slots, this_machine
from orchestration.plan.trials_to_come import expected_trials
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import relevant

START_S = 10.0
"""Starting Ray, its workers and MLflow, on the machines this was measured on."""
CALIBRATION_S = 10
"""Of one kind of trial, for MNIST; said beforehand."""
FREE = ("seed", "beta", "lambda", "tau", "epochs", "learning_rate", "clip_norm", "selection")
"""Settings that change nothing about the time an epoch takes."""


@dataclass(frozen=True)
class Kind:
    """Trials that cost the same by epoch."""

    example: TrialConfig
    keys: list[str]
    cost: Cost
    evaluation_s: float
    """Of one trial, all its parts."""


@dataclass(frozen=True)
class Estimate:
    """How long the rest of a sweep takes."""

    kinds: list[Kind]
    trial_s: Mapping[str, float]
    """Seconds left of each trial, by key; 0 where nothing is left."""
    slots: int
    sweep_s: float
    calibration_s: float
    at_most: bool
    """Whether early stopping, or a scheduler, may make it shorter."""


def kinds_of(trials: Mapping[str, TrialConfig]) -> dict[str, list[str]]:
    """Keys of the trials by what an epoch of them costs."""
    kinds: dict[str, list[str]] = {}
    for key, config in trials.items():
        settings = {k: v for k, v in relevant(config).items() if k not in FREE}
        kinds.setdefault(json.dumps(settings, sort_keys=True), []).append(key)
    return kinds


def estimate(
    spec: SweepSpec,
    plan: Plan,
    datasets: Mapping[str, Dataset],
    ledger: Ledger,
    max_concurrent: int | None,
) -> Estimate:
    """Calibrate every kind of trial, on all slots at once as in the sweep, and add up.

    Args:
        spec: of the sweep.
        plan: its trials, and its studies, whose trials are taken to cost what their example costs.
        datasets: by ``DataConfig.dataset``.
        ledger: of what has been done.
        max_concurrent: most trials at once.
    """
    began = time.perf_counter()
    kinds = []
    trials = expected_trials(plan, ledger)
    waiting = {
        key
        for key, config in trials.items()
        if _epochs_left(config, ledger, key) or _parts_left(spec, ledger, key)
    }
    at_once = count_slots([this_machine(spec.resources)], spec.resources, max_concurrent)
    jobs = max(1, min(at_once, len(waiting)))
    with Parallel(n_jobs=jobs) as parallel:
        for keys in kinds_of(trials).values():
            if waiting.isdisjoint(keys):
                continue
            example = trials[keys[0]]
            measured = parallel(
                delayed(calibrate)(
                    example,
                    datasets[example.data.dataset],
                    threads=spec.resources.cpu,
                    gpu=spec.resources.gpu > 0,
                )
                for _ in range(jobs)
            )
            cost = mean(list(measured))
            judged = len(datasets[example.data.dataset].test)
            evaluation = sum(part_seconds(p, cost, judged) for p in spec.evaluation.wanted())
            kinds.append(Kind(example, keys, cost, evaluation))
    left = {
        key: _left(
            spec,
            trials[key],
            kind.cost,
            len(datasets[kind.example.data.dataset].test),
            _epochs_left(trials[key], ledger, key),
            _parts_left(spec, ledger, key),
        )
        for kind in kinds
        for key in kind.keys
    }
    ordered = {key: left.get(key, 0.0) for key in trials}
    work = _schedule(list(ordered.values()), jobs)
    parts = {part for key in waiting for part in _parts_left(spec, ledger, key)}
    once = sum(once_seconds(part, len(data.train)) for part in parts for data in datasets.values())
    return Estimate(
        kinds=kinds,
        trial_s=ordered,
        slots=jobs,
        sweep_s=work + START_S + once if work else 0.0,
        calibration_s=time.perf_counter() - began,
        at_most=spec.scheduler is not None
        or any(config.selection.patience for config in trials.values()),
    )


def estimate_document(made: Estimate) -> dict[str, Any]:
    """An estimate as plain values."""
    return {
        "sweep_s": round(made.sweep_s, 1),
        "at_most": made.at_most,
        "slots": made.slots,
        "calibration_s": round(made.calibration_s, 1),
        "kinds": [
            {
                "model": kind.example.model,
                "data": kind.example.data.name,
                "trials": len(kind.keys),
                "images_per_s": round(kind.cost.images_per_s, 1),
                "epoch_s": round(kind.cost.epoch_s, 3),
                "evaluation_s": round(kind.evaluation_s, 3),
                "trial_s": round(max(made.trial_s[key] for key in kind.keys), 1),
            }
            for kind in made.kinds
        ],
    }


def _parts_left(spec: SweepSpec, ledger: Ledger, key: str) -> list[str]:
    """Parts of the evaluation that a trial still needs."""
    trial = ledger.trials.get(key)
    if trial is None or trial.is_open:
        return list(spec.evaluation.wanted())
    return [task.part for task in open_tasks(trial, spec.evaluation)]


def _epochs_left(config: TrialConfig, ledger: Ledger, key: str) -> int:
    trial = ledger.trials.get(key)
    if trial is None:
        return config.epochs
    if not trial.is_open:
        return 0
    return config.epochs - (trial.checkpoints[-1].epoch if trial.checkpoints else 0)


def _left(
    spec: SweepSpec, config: TrialConfig, cost: Cost, judged: int, epochs: int, parts: list[str]
) -> float:
    every = spec.evaluation.probe_every
    probes = -(-epochs // every) if every else 0
    evaluation = sum(part_seconds(part, cost, judged) for part in parts)
    return epochs * cost.epoch_s + probes * cost.validation_probe_s + evaluation


def _schedule(seconds: list[float], slots: int) -> float:
    """When the last slot is free: each trial, in order, goes to the slot that is free first."""
    free = [0.0] * slots
    for duration in seconds:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)
