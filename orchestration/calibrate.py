"""What a trial costs on this machine, measured by training a little of it."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

import numpy as np
import torch

from cvae_core.config import SelectionConfig, TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.data.scaling import shared
from cvae_core.evaluation.probe import validation_probe
from cvae_core.evaluation.test_metrics import evaluate_probe
from cvae_core.training.fit import Training
from orchestration.threads import limit_threads

WARM_UP_BATCHES = 4
MEASURED_S = 2.0


@dataclass(frozen=True)
class Cost:
    """Seconds of the parts of a trial, each alone."""

    epoch_s: float
    """An epoch of training and validation."""
    images_per_s: float
    """While training."""
    validation_probe_s: float
    evaluation_s: float


def calibrate(config: TrialConfig, data: Dataset, *, threads: int, gpu: bool) -> Cost:
    """Measure a trial's cost in this process; takes some seconds."""
    limit_threads(threads)
    device = "cuda" if gpu else "cpu"
    config = dataclasses.replace(config, epochs=2, selection=SelectionConfig())
    few = _first(data, WARM_UP_BATCHES * config.batch_size)
    warm = Training(config, few, device=device)
    warm.run_epoch()
    rate = warm.run_epoch()["images_per_s"]
    measured = _first(data, round(MEASURED_S * rate))
    training = Training(config, measured, device=device)
    record = training.run_epoch()
    began = time.perf_counter()
    _validation_probe(training, data, device)
    probed = time.perf_counter()
    evaluate_probe(config, data, training.checkpoint().model)
    return Cost(
        epoch_s=record["epoch_s"] * len(data.train) / len(measured.train),
        images_per_s=record["images_per_s"],
        validation_probe_s=probed - began,
        evaluation_s=time.perf_counter() - probed,
    )


def mean(costs: list[Cost]) -> Cost:
    """The mean of what several processes have measured at once."""
    rows = np.array([dataclasses.astuple(cost) for cost in costs]).mean(axis=0)
    return Cost(*map(float, rows))


def _first(data: Dataset, count: int) -> Dataset:
    images = Images(data.train.pixels[:count], data.train.labels[:count])
    return dataclasses.replace(data, train=images)


def _validation_probe(training: Training, data: Dataset, device: str) -> None:
    pixels = shared(data.train.pixels).to(device)
    held_out = round(len(pixels) * training.config.data.validation_fraction)
    order = torch.arange(len(pixels))
    labels = torch.from_numpy(data.train.labels)
    validation_probe(
        training.model, pixels, labels, order[held_out:], order[:held_out], training.config.data
    )
