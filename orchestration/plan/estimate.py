"""``plan --estimate``: how long a sweep will take here, from a short calibration."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joblib import Parallel, delayed

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.distances.declaration import FD
from cvae_core.evaluation.parts import PARTS, lacks
from cvae_core.identity import relevant
from orchestration.ledger.ledger import Ledger
from orchestration.plan.calibrate import Cost, calibrate, mean, part_seconds
from orchestration.plan.evaluation_tasks import open_tasks
from orchestration.plan.plan import Plan, after_raw_pixels
from orchestration.plan.precision import precision_here
from orchestration.plan.slots import count_slots, makespan, this_machine
from orchestration.plan.trials_to_come import expected_trials
from orchestration.spec.evaluation import Evaluation
from orchestration.spec.sweep import SweepSpec

START_S = 10.0
"""Starting Ray, its workers and MLflow, on the machines this was measured on."""
CALIBRATION_S = 10
"""Of one kind of trial, for MNIST; said beforehand."""
FREE = (
    *("seed", "beta", "lambda", "tau", "epochs", "learning_rate", "clip_norm", "selection"),
    *("reconstruct", "schedule", "stages"),
)
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
    threads: int
    """Of each trial."""
    sweep_s: float
    calibration_s: float
    at_most: bool
    """Whether early stopping, a scheduler or packs may make it shorter."""
    precision: Mapping[str, str | None] | None
    """What ``precision_here`` says; None where GPUs compute."""


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
    trials = expected_trials(plan, ledger)
    left = {key: _left(spec, config, ledger, key) for key, config in trials.items()}
    waiting = {key for key, rest in left.items() if rest.epochs or rest.parts}
    at_once = count_slots([this_machine(spec.resources)], spec.resources, max_concurrent)
    slots = max(1, min(at_once, len(waiting)))
    groups = [keys for keys in kinds_of(trials).values() if not waiting.isdisjoint(keys)]
    kinds = _calibrated(spec, groups, trials, datasets, slots)
    trial_s = dict.fromkeys(trials, 0.0)
    for kind in kinds:
        data = datasets[kind.example.data.dataset]
        distance_s = _distance_s(kind.example, len(data.train), spec.evaluation)
        trial_s |= {
            key: _seconds(left[key], kind.cost, len(data.test), spec.evaluation, distance_s)
            for key in kind.keys
        }
    line = sorted(trials, key=lambda key: after_raw_pixels(trials[key].model))
    work = makespan([trial_s[key] for key in line], slots)
    parts = {part for key in waiting for part in left[key].parts}
    if spec.evaluation.fd_every and any(left[key].epochs for key in waiting):
        parts.add(FD.name)  # its classifier is trained before the first of them
    once = sum(
        _first_s(part, data, spec.evaluation)
        for name, data in datasets.items()
        for part in parts - _measured(ledger, name)
    )
    return Estimate(
        kinds=kinds,
        trial_s=trial_s,
        slots=slots,
        threads=spec.resources.threads,
        sweep_s=work + START_S + once if work else 0.0,
        calibration_s=time.perf_counter() - began,
        at_most=spec.scheduler is not None
        or spec.resources.pack > 1  # each was measured alone
        or any(config.selection.patience for config in trials.values()),
        precision=None if spec.resources.gpu else precision_here(plan),
    )


def estimate_document(made: Estimate) -> dict[str, Any]:
    """An estimate as plain values."""
    return {
        "sweep_s": round(made.sweep_s, 1),
        "at_most": made.at_most,
        "slots": made.slots,
        "threads": made.threads,
        "calibration_s": round(made.calibration_s, 1),
        "precision": made.precision,
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


def _calibrated(
    spec: SweepSpec,
    groups: list[list[str]],
    trials: Mapping[str, TrialConfig],
    datasets: Mapping[str, Dataset],
    slots: int,
) -> list[Kind]:
    """Each group of trials that cost the same, with what one of them was measured to cost."""
    kinds = []
    with Parallel(n_jobs=slots) as parallel:
        for keys in groups:
            example = trials[keys[0]]
            data = datasets[example.data.dataset]
            measured = parallel(
                delayed(calibrate)(
                    example, data, threads=spec.resources.threads, gpu=spec.resources.gpu > 0
                )
                for _ in range(slots)
            )
            cost = mean(list(measured))
            parts = _parts(spec, example)
            evaluation = _evaluation_s(parts, cost, len(data.test), spec.evaluation)
            kinds.append(Kind(example, keys, cost, evaluation))
    return kinds


@dataclass(frozen=True)
class _Left:
    """What is left of a trial."""

    epochs: int
    parts: list[str]
    """Of its evaluation."""


def _left(spec: SweepSpec, config: TrialConfig, ledger: Ledger, key: str) -> _Left:
    trial = ledger.trials.get(key)
    if trial is not None and not trial.is_open:
        left = [task.part for task in open_tasks(trial, spec.evaluation)]
        return _Left(0, [part for part in left if lacks(config, part) is None])
    done = trial.checkpoints[-1].epoch if trial is not None and trial.checkpoints else 0
    return _Left(config.epochs - done, _parts(spec, config))


def _parts(spec: SweepSpec, config: TrialConfig) -> list[str]:
    """The parts of a trial's evaluation that will have something to measure."""
    return [part for part in spec.evaluation.wanted() if lacks(config, part) is None]


def _seconds(left: _Left, cost: Cost, judged: int, asked: Evaluation, distance_s: float) -> float:
    probes = -(-left.epochs // asked.probe_every) if asked.probe_every else 0
    distances = -(-left.epochs // asked.fd_every) if asked.fd_every else 0
    in_training = probes * cost.validation_probe_s + distances * distance_s
    evaluation = _evaluation_s(left.parts, cost, judged, asked)
    return left.epochs * cost.epoch_s + in_training + evaluation


def _first_s(part: str, data: Dataset, asked: Evaluation) -> float:
    """Seconds that the first trial of a data set needs besides."""
    once, first = PARTS[part].once, PARTS[part].first
    if first is None:
        return once.of(len(data.train))
    return once.of(first(asked.settings_of(part), len(data.test), len(data.train)))


def _measured(ledger: Ledger, dataset: str) -> set[str]:
    """Parts of which some trial of a data set has been measured, so that none is the first."""
    return {
        entry
        for trial in ledger.planned()
        if trial.evaluations and TrialConfig.from_settings(trial.config).data.dataset == dataset
        for entry, part in trial.evaluations.items()
        if part.state == "finished"
    }


def _distance_s(config: TrialConfig, images: int, asked: Evaluation) -> float:
    """Seconds of one ``val/fd_…``: what the part takes by images; the rest of it is not done."""
    if lacks(config, FD.name) is not None or FD.seconds is None:
        return 0.0
    held_out = round(images * config.data.validation_fraction)
    count: int = min(asked.settings_of(FD.name).n, held_out)
    return FD.seconds.per_thousand * count / 1000


def _evaluation_s(parts: Iterable[str], cost: Cost, judged: int, asked: Evaluation) -> float:
    return sum(part_seconds(part, cost, judged, asked.settings_of(part)) for part in parts)
