"""What a trial costs on this machine, measured by training a little of it."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from cvae_core.config import SelectionConfig, TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.data.splits import VALIDATION_FIT
from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.part import Part
from cvae_core.evaluation.parts import PARTS, measure
from cvae_core.evaluation.probes.validation import validation_judge
from cvae_core.evaluation.subject import Subject
from cvae_core.schedule import ScheduleConfig
from cvae_core.settings import merge
from cvae_core.stages import overrides
from cvae_core.training.begin import AnyTraining, begin
from orchestration.threads import limit_threads

WARM_UP_BATCHES = 4
MEASURED_S = 2.0
STEPS_S = 1.0
STEP_BATCHES, STEP_EPOCHS = 20, 1_000
"""Of what steps are measured on, at most: it ends with its time."""
MOST_SLOWER = 10
"""Where steps are the least of an epoch, the measured one may take so many times ``MEASURED_S``."""
SAMPLE = 4_000
"""Images of each split that probes are fitted and scored on."""
MOST_JUDGED = 10_000
"""Images that a part looks at unless it says otherwise."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the parts of a trial, each alone."""

    epoch_s: float
    """An epoch of training and validation."""
    images_per_s: float
    """While training."""
    validation_probe_s: float
    part_s: Mapping[str, float]
    """Of those parts of the evaluation that declare no seconds."""


def part_seconds(part: str, cost: Cost, judged: int, settings: Any) -> float:
    """Seconds of one part of a trial's evaluation.

    Args:
        part: its name.
        cost: of such a trial.
        judged: images that there are to be judged.
        settings: of that part's kind.
    """
    seconds, images = PARTS[part].seconds, PARTS[part].images
    if seconds is None:
        return cost.part_s[part]
    return seconds.of(min(judged, MOST_JUDGED) if images is None else images(settings, judged))


def calibrate(config: TrialConfig, data: Dataset, *, threads: int, gpu: bool) -> Cost:
    """Measure a trial's cost in this process; takes some seconds."""
    limit_threads(threads)
    device = "cuda" if gpu else "cpu"
    config, least = _steady(config, epochs=2), _least(config)
    few = _some(data, max(least, WARM_UP_BATCHES * config.batch_size))
    warm = begin(config, few, device=device)
    warm.run_epoch()
    few_s, steps_s = _epoch(warm)
    # By its steps alone: of PCA the eigenvectors take longer than few images do.
    at_least_s = max(steps_s, few_s / MOST_SLOWER)
    measured = _some(data, max(least, round(MEASURED_S / at_least_s * len(few.train))))
    training = begin(config, measured, device=device)
    record = training.run_epoch()
    sample = _some(data, max(least, SAMPLE))
    began = time.perf_counter()
    with suppress(AbsentError):  # it will cost nothing then
        validation_judge(config, sample)(training.model)
    probed = time.perf_counter()
    subject = Subject(config, sample, training.checkpoint().model, cache=Path(os.devnull))
    part_s = {part.name: _seconds(part, subject) for part in PARTS.values() if part.seconds is None}
    # Fitting a probe takes as much longer as there are more images.
    probe_share = min(VALIDATION_FIT, len(data.train)) / min(VALIDATION_FIT, len(sample.train))
    return Cost(
        epoch_s=seconds_of(
            len(data.train), (len(few.train), few_s), (len(measured.train), record["epoch_s"])
        ),
        images_per_s=record["images_per_s"],
        validation_probe_s=(probed - began) * probe_share,
        part_s={name: each * _images(data) / _images(sample) for name, each in part_s.items()},
    )


def seconds_of(images: int, few: tuple[int, float], more: tuple[int, float]) -> float:
    """Seconds of an epoch of so many images, on the line through two that were measured.

    What does not grow with the images is told apart by it, such as PCA's eigenvectors.

    Args:
        images: of the epoch that is asked for.
        few: images and seconds of one epoch.
        more: those of another one, which counts alone where it has no more images.
    """
    (less, few_s), (count, seconds) = few, more
    an_image = seconds / count
    if count > less:
        an_image = min(an_image, max(0.0, (seconds - few_s) / (count - less)))
    return seconds + an_image * (images - count)


def for_steps(config: TrialConfig, data: Dataset) -> Dataset:
    """Enough of the data for ``step_s``."""
    return _some(data, max(_least(config), STEP_BATCHES * config.batch_size))


def step_s(config: TrialConfig, data: Dataset, *, threads: int) -> float:
    """Seconds of a training step on CPUs, the median of a second of them in this process."""
    limit_threads(threads)
    training = begin(_steady(config, epochs=STEP_EPOCHS), data)
    seconds: list[float] = []
    until = time.perf_counter() + STEPS_S
    while not training.finished:
        began = time.perf_counter()
        for done in training.epoch_by_steps():
            if isinstance(done, dict):
                break
            now = time.perf_counter()
            seconds.append(now - began)
            began = now
            if now > until and len(seconds) > 1:
                return median(seconds[1:])  # the first one warms up
    return median(seconds[1:] or seconds)


def mean(costs: list[Cost]) -> Cost:
    """The mean of what several processes have measured at once."""
    return Cost(
        epoch_s=fmean(cost.epoch_s for cost in costs),
        images_per_s=fmean(cost.images_per_s for cost in costs),
        validation_probe_s=fmean(cost.validation_probe_s for cost in costs),
        part_s={name: fmean(cost.part_s[name] for cost in costs) for name in costs[0].part_s},
    )


def _epoch(training: AnyTraining) -> tuple[float, float]:
    """Seconds of an epoch, and those until its last step was done."""
    began = steps = time.perf_counter()
    for done in training.epoch_by_steps():
        if not isinstance(done, dict):
            steps = time.perf_counter()
    return time.perf_counter() - began, steps - began


def _steady(config: TrialConfig, epochs: int) -> TrialConfig:
    """Without what changes as training goes on, which changes little about its cost.

    Of stages the last one: an earlier one may train less, and all that is beside them nothing.
    """
    if config.stages:
        alone: dict[str, Any] = {"stages": [], "schedule": {}, "selection": {}}
        settings = merge(config.to_settings() | alone, overrides(config.stages[-1]))
        config = TrialConfig.from_settings(settings)
    return dataclasses.replace(
        config, epochs=epochs, selection=SelectionConfig(), schedule=ScheduleConfig(), stages=()
    )


def _least(config: TrialConfig) -> int:
    """Images with which both parts of the split have one."""
    fraction = config.data.validation_fraction
    return math.ceil(2 / min(fraction, 1 - fraction))


def _seconds(part: Part, subject: Subject) -> float:
    began = time.perf_counter()
    with suppress(AbsentError, EvaluationError):  # it will cost nothing then
        for _ in measure(part.name, subject, part.settings()):
            pass
    return time.perf_counter() - began


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
