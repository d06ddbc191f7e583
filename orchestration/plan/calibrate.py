"""What a trial costs on this machine, measured by training a little of it."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvae_core.config import SelectionConfig, TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.data.splits import VALIDATION_FIT
from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.parts import measure
from cvae_core.evaluation.probes.validation import validation_judge
from cvae_core.evaluation.settings import ProbeConfig
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import Training
from orchestration.threads import limit_threads

WARM_UP_BATCHES = 4
MEASURED_S = 2.0
SAMPLE = 4_000
"""Images of each split that probes are fitted and scored on."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the parts of a trial, each alone."""

    epoch_s: float
    """An epoch of training and validation."""
    images_per_s: float
    """While training."""
    validation_probe_s: float
    probe_s: float
    """The probes of the evaluation."""


PART_S = {
    "diagnostics": (0.2, 0.3),
    "pictures": (0.9, 0.0),
    "umap": (0.8, 0.3),
    "fd": (0.3, 0.2),
    "fid": (15.0, 130.0),
}
"""Seconds of a part, and for every 1,000 images judged, on one core of the machine that this was
measured on. Only the probes, which depend most on the data, are measured anew."""
ONCE_S = {"umap": (8.0, 0.0), "fd": (4.0, 1.0), "fid": (60.0, 64.0)}
"""Seconds that the first trial of a data set needs besides: once, and for every 1,000 training
images."""


def part_seconds(part: str, cost: Cost, judged: int) -> float:
    """Seconds of one part of a trial's evaluation with so many images to be judged."""
    if part == "probe":
        return cost.probe_s
    fixed, per_thousand = PART_S[part]
    return fixed + per_thousand * min(judged, 10_000) / 1000


def once_seconds(part: str, images: int) -> float:
    """Seconds that the first trial spends on what all others then find done."""
    fixed, per_thousand = ONCE_S.get(part, (0.0, 0.0))
    return fixed + per_thousand * images / 1000


def calibrate(config: TrialConfig, data: Dataset, *, threads: int, gpu: bool) -> Cost:
    """Measure a trial's cost in this process; takes some seconds."""
    limit_threads(threads)
    device = "cuda" if gpu else "cpu"
    config = dataclasses.replace(config, epochs=2, selection=SelectionConfig())
    # Both parts of the split have to have an image.
    least = math.ceil(2 / min(config.data.validation_fraction, 1 - config.data.validation_fraction))
    few = _some(data, max(least, WARM_UP_BATCHES * config.batch_size))
    warm = Training(config, few, device=device)
    warm.run_epoch()
    rate = warm.run_epoch()["images_per_s"]
    measured = _some(data, max(least, round(MEASURED_S * rate)))
    training = Training(config, measured, device=device)
    record = training.run_epoch()
    sample = _some(data, max(least, SAMPLE))
    began = time.perf_counter()
    with suppress(AbsentError):  # it will cost nothing then
        validation_judge(config, sample)(training.model)
    probed = time.perf_counter()
    subject = Subject(config, sample, training.checkpoint().model, cache=Path(os.devnull))
    with suppress(AbsentError, EvaluationError):
        for _ in measure("probe", subject, ProbeConfig()):
            pass
    evaluated = time.perf_counter()
    # Fitting a probe takes as much longer as there are more images.
    probe_share = min(VALIDATION_FIT, len(data.train)) / min(VALIDATION_FIT, len(sample.train))
    return Cost(
        epoch_s=record["epoch_s"] * len(data.train) / len(measured.train),
        images_per_s=record["images_per_s"],
        validation_probe_s=(probed - began) * probe_share,
        probe_s=(evaluated - probed) * _images(data) / _images(sample),
    )


def mean(costs: list[Cost]) -> Cost:
    """The mean of what several processes have measured at once."""
    rows = np.array([dataclasses.astuple(cost) for cost in costs]).mean(axis=0)
    return Cost(*map(float, rows))


def _some(data: Dataset, count: int) -> Dataset:
    """So many images of each split, at random: those of a folder lie there class by class."""
    train, test = (
        Images(split.pixels[chosen], split.labels[chosen])
        for split in (data.train, data.test)
        for chosen in [np.random.default_rng(0).permutation(len(split))[:count]]
    )
    return dataclasses.replace(data, train=train, test=test)


def _images(data: Dataset) -> int:
    return len(data.train) + len(data.test)
