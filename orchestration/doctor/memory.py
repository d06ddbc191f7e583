"""Memory, and the shared memory that Ray keeps images in."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

import psutil
from rich.filesize import decimal

from cvae_core.config import TrialConfig
from cvae_core.evaluation.probes.declaration import PROBE
from cvae_core.evaluation.probes.wide import MOST_DIMENSIONS
from cvae_core.sizes import FLOAT_BYTES, stages, training_bytes
from orchestration.doctor.datafiles import data_bytes, image_shape
from orchestration.doctor.finding import Finding, ok, problem, warning
from orchestration.doctor.subject import Subject
from orchestration.plan.memory import memory_limits, too_large, total_memory
from orchestration.plan.slots import object_store_bytes

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where Linux has it
# Measured on sweeps of digits and MNIST, with shared pages shared out.
WORKER_BYTES = 450 * 10**6
PIXEL_BYTES = 12
"""Of each pixel of images that are classified as they are: float32, and a probe's float64 copy."""
SQUARES = 3
"""Matrices of a number for each two pixels of an image that a probe of them needs."""
PER_NUMBER = 1.5
"""Numbers that a step keeps for each of a feature map: activations besides, and what the way back
needs. Measured at 32 to 224 pixels: 1.0 to 2.2."""
DRIVER_BYTES = 800 * 10**6
RAY_REFUSES_ABOVE = 10**10
"""Beyond this size Ray does not make do with the temporary folder."""


def check_shared_memory(subject: Subject, folder: Path = SHARED_MEMORY) -> list[Finding]:
    """Free shared memory against the size of Ray's object store."""
    if sys.platform != "linux":
        return [ok("shared memory", "not used by Ray on this system")]
    need = object_store_bytes(_data_bytes(subject))
    advice = (
        f"Ray would use the temporary folder, which is slower; empty {folder}, or in a container "
        f"give more with `docker run --shm-size={math.ceil(need * 1.2 / 2**30)}g …`."
    )
    judge = problem if need > RAY_REFUSES_ABOVE else warning
    if not folder.is_dir():
        return [judge("shared memory", f"there is no {folder}", advice)]
    stats = os.statvfs(folder)
    size, free = stats.f_frsize * stats.f_blocks, stats.f_bsize * stats.f_bavail
    found = f"{decimal(free)} free of {decimal(size)} in {folder}; Ray takes {decimal(need)}"
    if free >= need:
        return [ok("shared memory", found)]
    return [judge("shared memory", found, advice)]


def check_memory(subject: Subject) -> list[Finding]:
    """Available memory against what the trials that run at once need."""
    memory = psutil.virtual_memory()
    limits = list(memory_limits())
    total = min([memory.total, *(limit for limit, _ in limits)])
    available = min([memory.available, *(limit - used for limit, used in limits)])
    slots = max(1, subject.slots)
    images = _data_bytes(subject)
    worker = WORKER_BYTES + _largest_model(subject)
    # The driver holds the images as well as the object store.
    need = DRIVER_BYTES + slots * worker + images + object_store_bytes(images)
    need += _raw_pixels(subject, slots)
    found = (
        f"{decimal(available)} available of {decimal(total)}"
        + (" (this container's limit)" if total < memory.total else "")
        + f"; about {decimal(need)} needed for {slots} trial{'s' * (slots > 1)} at a time"
    )
    if need <= available:
        return [ok("memory", found)]
    fitting = int((available - need) // worker) + slots
    advice = "End other programs" + (
        f", or run fewer trials at a time: `--max-concurrent {fitting}`." if fitting > 0 else "."
    )
    return [(problem if need > total else warning)("memory", found, advice)]


def check_models(subject: Subject) -> list[Finding]:
    """Trials whose models no memory here holds; [] where there are none."""
    if subject.plan is None or subject.resources.gpu:
        return []
    memory = total_memory()
    found = dict.fromkeys(
        text
        for config in subject.plan.configs
        if (text := too_large(config, image_shape(config.data), memory)) is not None
    )
    advice = "Change the sweep file, or take a machine with more memory."
    return [problem("model", text[0].upper() + text[1:], advice) for text in found]


def _largest_model(subject: Subject) -> int:
    """Bytes of the largest model, with a step's feature maps, that this memory can hold."""
    if subject.plan is None or subject.resources.gpu:
        return 0
    shapes = [(config, image_shape(config.data)) for config in subject.plan.configs]
    sizes = [(training_bytes(*each), step_bytes(*each)) for each in shapes]
    return max((sum(size) for size in sizes if size[0] <= total_memory()), default=0)


def step_bytes(config: TrialConfig, shape: tuple[int, int, int]) -> int:
    """About how many bytes the feature maps of one training step take.

    Args:
        config: the trial's settings.
        shape: (C, H, W).
    """
    if config.model in ("pixels", "pca", "untrained"):
        return 0
    model, (channels, size, _) = config.architecture, shape
    convolutions = stages(channels, size, model.channels, model.kernel)
    maps = sum(each.channels_out * each.size_out**2 for each in convolutions)
    maps *= 3 if model.blocks == "residual" else 1
    views = 0 if config.model != "cvae" else 2 if config.views.pairs == "two augmented" else 1
    numbers = maps * (2 + views) + channels * size**2 * (3 + views)
    return round(PER_NUMBER * FLOAT_BYTES * config.batch_size * numbers)


def _raw_pixels(subject: Subject, slots: int) -> int:
    """Bytes that probes of the baseline ``pixels`` need besides, as many at once as there may be.

    A sweep of several data sets has as many of them, one after the other in its plan.
    """
    if subject.spec is None or subject.plan is None:
        return 0
    if PROBE.name not in subject.spec.evaluation.wanted():
        return 0
    asked = (config.data for config in subject.plan.configs if config.model == "pixels")
    sizes = []
    for data in asked:
        pixels = math.prod(image_shape(data))
        squares = SQUARES * 8 * pixels**2 if pixels <= MOST_DIMENSIONS else 0
        sizes.append(PIXEL_BYTES * data_bytes(data, subject.data_root) + squares)
    return sum(sorted(sizes)[-slots:])


def _data_bytes(subject: Subject) -> int:
    return sum(data_bytes(config, subject.data_root) for config in subject.data)
