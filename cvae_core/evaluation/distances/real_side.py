"""The real side of distances, and their floors: the same for every trial, computed once."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.data.scaling import shared
from cvae_core.data.splits import split_of
from cvae_core.evaluation.distances.extractor import Extractor, extract
from cvae_core.evaluation.distances.frechet import Statistics, frechet_distance, statistics
from cvae_core.evaluation.distances.kernel_distance import Within, kid
from cvae_core.evaluation.distances.kernel_distance import within as kernel_within
from cvae_core.evaluation.distances.shared_files import content_key, write_shared
from cvae_core.evaluation.progress import beating, within
from cvae_core.evaluation.subject import SHARED_SEED, Subject
from cvae_core.streams import stream

FORMAT = 1
"""Raised when the files' content or its meaning changes."""
LEAST = 2
"""Images that a covariance, and a mean over pairs, needs."""
EXTRACTED = 0.95
"""Share of the work once the features are there."""


@dataclass(frozen=True)
class RealSide:
    """What generated images are compared with.

    ``floors`` holds the distances that real images have: ``frechet``, ``kernel`` (of
    ``floor_count`` training images from the judged ones), ``frechet_halves`` and
    ``kernel_halves`` (between two disjoint sets of ``half_count`` training images each). One is
    missing where there are fewer than two images for it.
    """

    features: NDArray[np.float32]
    statistics: Statistics
    kernel: Within
    """Of ``features``."""
    floors: dict[str, float]
    floor_count: int
    half_count: int
    warnings: list[str] = field(default_factory=list)
    new: bool = False
    """Whether the file that it was read from, an earlier version's, lacks a part of it."""


def real_sides(
    subject: Subject, extractor: Extractor, counts: Iterable[int]
) -> Iterator[float | dict[int, RealSide]]:
    """By number of judged images the real side of so many, from the cache where it is there.

    The images of a smaller one are the first of a larger one's. Which images are drawn is the same
    for every trial of a data set and its split.

    Yields:
        The share that is done, in (0, 1), and at last the real sides.
    """
    paths = {count: _path(subject, extractor, count) for count in counts}
    read = {count: _read(path, count, extractor.dims) for count, path in paths.items()}
    sides = {count: side for count, side in read.items() if side is not None}
    missing = sorted(paths.keys() - sides.keys())
    made = yield from within(0, 1, _compute(subject, extractor, missing))
    for count, side in (sides | made).items():
        if count in made or side.new:
            problem = write_shared(paths[count], _to_bytes(side))
            side.warnings.extend([problem] if problem else [])
    yield sides | made


def judged_order(subject: Subject, count: int) -> Tensor:
    """Indices (count,) of the judged images that are looked at."""
    return _order(len(subject.labels("judged")), "judged")[:count]


def _path(subject: Subject, extractor: Extractor, count: int) -> Path:
    settings = subject.config.data
    key = content_key(
        FORMAT,
        extractor.digest,
        subject.data.fingerprint(),
        subject.split,
        settings.validation_fraction,
        settings.split_seed,
        count,
    )
    return subject.cache / f"real-{extractor.name}-n{count}-{key}.npz"


def _compute(
    subject: Subject, extractor: Extractor, counts: Sequence[int]
) -> Iterator[float | dict[int, RealSide]]:
    if not counts:
        yield {}
        return
    train, _ = split_of(subject.data, subject.config.data)
    # Rows of one order: the first N are compared with the judged images, and with the next N.
    drawn = train[_order(len(train), "floor")[: 2 * counts[-1]]]
    judged = subject.pixels("judged")[judged_order(subject, counts[-1])]
    training = shared(subject.data.train.pixels)[drawn]
    share = EXTRACTED * len(judged) / (len(judged) + len(training))
    features = yield from within(0, share, extract(extractor, judged))
    others = yield from within(share, EXTRACTED, extract(extractor, training))
    sides = {}
    for count in counts:
        measured = partial(_measured, features[:count], others[: 2 * count], count)
        sides[count] = yield from beating(measured, EXTRACTED)
    yield sides


def _measured(features: NDArray[np.float32], others: NDArray[np.float32], count: int) -> RealSide:
    own, kernel = statistics(features), kernel_within(features)
    floors = {}
    floor_count, half_count = min(count, len(others)), len(others) // 2
    first, second = others[:half_count], others[half_count : 2 * half_count]
    if floor_count >= LEAST:
        floor = others[:floor_count]
        floors["frechet"] = frechet_distance(statistics(floor), own)
        floors["kernel"] = kid(floor, features, within_y=kernel.mean)
    if half_count >= LEAST:
        floors["frechet_halves"] = frechet_distance(statistics(first), statistics(second))
        floors["kernel_halves"] = kid(first, second)
    return RealSide(features, own, kernel, floors, floor_count, half_count)


def _order(count: int, purpose: str) -> Tensor:
    return torch.randperm(count, generator=stream(SHARED_SEED, f"evaluation/{purpose}"))


def _to_bytes(side: RealSide) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        features=side.features,
        mean=side.statistics.mean,
        covariance=side.statistics.covariance,
        within=side.kernel.mean,
        within_rows=side.kernel.rows,
        counts=np.array([side.floor_count, side.half_count]),
        floor_names=np.array(list(side.floors), dtype="U20"),
        floor_values=np.array(list(side.floors.values()), dtype=np.float64),
    )
    return buffer.getvalue()


def _read(path: Path, count: int, dims: int) -> RealSide | None:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        names, values = arrays["floor_names"], arrays["floor_values"]
        floor_count, half_count = map(int, arrays["counts"])
        features, rows = arrays["features"], arrays.get("within_rows")
        side = RealSide(
            features=features,
            statistics=Statistics(arrays["mean"], arrays["covariance"], count),
            kernel=kernel_within(features)
            if rows is None
            else Within(float(arrays["within"]), rows),
            floors={str(name): float(value) for name, value in zip(names, values, strict=True)},
            floor_count=floor_count,
            half_count=half_count,
            new=rows is None,
        )
        sound = features.shape == (count, dims) and side.kernel.rows.shape == (count,)
        sound = sound and side.statistics.covariance.shape == (dims, dims)
    except Exception:  # a damaged file fails in many ways, and computing again mends them all
        return None
    return side if sound else None
