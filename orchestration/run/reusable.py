"""Whether a finished trial has the numbers that a sweep would find if it trained it itself.

A sweep's document says how it was last started. Its trials may be older, so what decides is noted
with each: under which key, on how many threads, and after which epochs it was measured.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

from cvae_core.config import NUMERICS, TrialConfig
from orchestration.ledger.documents import Sweep, Trial
from orchestration.spec.trial_key import trial_key

BY_EPOCH = {"probe_every": "val/probe_", "fd_every": "val/fd_"}
"""What is measured while a trial trains, and so is in its history: every so many epochs and after
the last. Where the rhythms differ, so do histories."""


def alike(other: Sweep, own: Sweep) -> bool:
    """Whether trials of another sweep saw the same arithmetic and measurements, as far as it says.

    Args:
        other: that has finished trials.
        own: that wants them.
    """
    numerics = [sweep.code.get("numerics") for sweep in (other, own)]
    rhythms, distances = [], []
    for evaluation in (sweep.spec.get("evaluation", {}) for sweep in (other, own)):
        rhythms.append([evaluation.get(name) for name in BY_EPOCH])
        fd = evaluation.get("fd")
        distances.append(fd if isinstance(fd, dict) and evaluation.get("fd_every") else {})
    same = rhythms[0] == rhythms[1] and distances[0] == distances[1]
    return same and numerics == [str(NUMERICS)] * 2


def as_trained_by(own: Sweep, trial: Trial, data: Mapping[str, str]) -> bool:
    """Whether a finished trial is what a sweep would have trained, bit for bit.

    Args:
        own: the sweep.
        trial: of this sweep or of one that is ``alike``.
        data: fingerprints of the data sets that the trial's sweep has.

    Raises:
        ConfigError: its settings are of another version.
    """
    config = TrialConfig.from_settings(trial.config)
    if trial_key(config) != trial.key:  # of other numerics
        return False
    fingerprint = data.get(config.data.dataset)
    if fingerprint is None or fingerprint != own.data.get(config.data.dataset):
        return False
    return _same_processors(trial, own.spec.get("resources", {})) and all(
        _measured_every(trial, own.spec.get("evaluation", {}).get(name) or 0, beginning)
        for name, beginning in BY_EPOCH.items()
    )


def _same_processors(trial: Trial, resources: Mapping[str, Any]) -> bool:
    """Whether it was trained on so many threads, and on a GPU or not: sums depend on that."""
    cpu, gpu = resources.get("cpu", 1), bool(resources.get("gpu", 0))
    workers = [attempt.worker for attempt in trial.attempts if attempt.worker]
    return all(
        worker.get("threads", {}).get("torch", cpu) == cpu
        and (worker.get("device", platform.machine()) != platform.machine()) == gpu
        for worker in workers
    )


def _measured_every(trial: Trial, every: int, beginning: str) -> bool:
    """Whether metrics that begin so were measured in this rhythm: no more often, no less."""
    if any(note.startswith(f"no {beginning.rstrip('_')}") for note in trial.notes):
        return True  # it could not be measured, which is so in every rhythm
    due = [
        e.epoch for e in trial.epochs if every and (e.epoch % every == 0 or e.epoch == trial.epoch)
    ]
    measured = [e.epoch for e in trial.epochs if any(n.startswith(beginning) for n in e.metrics)]
    return measured == due
