"""A map of the latent means in two dimensions, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from cvae_core.evaluation.maps import reducer
from cvae_core.evaluation.maps.declaration import UmapConfig
from cvae_core.evaluation.maps.map_files import one_map
from cvae_core.evaluation.metric import variant
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.progress import within
from cvae_core.evaluation.subject import SHARED_SEED, Subject
from cvae_core.evaluation.tables import csv_table
from cvae_core.streams import stream

USUAL = UmapConfig().n
TRUSTED_NEIGHBOURS = 15
"""k of the trustworthiness."""


def evaluate(subject: Subject, settings: UmapConfig) -> Iterator[float | Findings]:
    """``umap/trustworthiness``, ``umap.png`` and ``umap.csv`` of the judged images' means.

    Yields:
        The share that is done, and at last the findings.

    Raises:
        AbsentError: umap-learn is not installed, or there are fewer than 4 images.
        EvaluationError: the means are all equal, or not finite.
    """
    means, _ = yield from within(0, 0.05, subject.encoded("judged"))
    labels = subject.labels("judged")
    chosen = subset(len(means), settings.n)
    points, labels = means[chosen], labels[chosen]
    warnings: list[str] = []
    reducing = reducer.reduce(points, settings.neighbours, settings.min_dist, warnings)
    embedded = yield from within(0.05, 0.9, reducing)
    metrics = {}
    trust = trusted(points, embedded, warnings)
    if trust is not None:
        everything = min(len(means), USUAL)
        name = variant("umap/trustworthiness", len(points), everything)
        metrics[name + _unusual(settings)] = trust
    yield 0.95
    classes = subject.classes
    title = f"{subject.label or subject.config.model}: UMAP of the latent means\n"
    title += f"{len(points):,} {subject.split} images, epoch {subject.epoch}"
    title += "" if trust is None else f", trustworthiness {trust:.3f}"
    rows = zip(
        chosen.tolist(),
        labels.tolist(),
        [classes[label] for label in labels],
        *embedded.T.astype(float).tolist(),
        strict=True,
    )
    yield Findings(
        metrics=metrics,
        files={
            "umap.png": one_map(embedded, labels, classes, title),
            "umap.csv": csv_table(["index", "label", "class", "x", "y"], rows, ".5f"),
        },
        facts={"n": len(points), "umap_learn": reducer.umap_version()},
        warnings=warnings,
    )


def _unusual(settings: UmapConfig) -> str:
    """What a map's settings add to the name of its figure: another map is another figure."""
    usual = UmapConfig()
    text = f"_k{settings.neighbours}" if settings.neighbours != usual.neighbours else ""
    return text + (f"_d{settings.min_dist:g}" if settings.min_dist != usual.min_dist else "")


def subset(count: int, wanted: int) -> NDArray[np.int64]:
    """Indices, in order, of the images on a map: the same ones for every trial."""
    order = torch.randperm(count, generator=stream(SHARED_SEED, "evaluation/umap"))
    chosen: NDArray[np.int64] = order[:wanted].sort().values.numpy()
    return chosen


def trusted(
    points: NDArray[np.float32], embedded: NDArray[np.float32], warnings: list[str]
) -> float | None:
    """The trustworthiness of a map; None, with a warning, where there are too few images."""
    from cvae_core.evaluation.maps.trustworthiness import trustworthiness

    if len(points) <= 2 * TRUSTED_NEIGHBOURS:
        warnings.append(
            f"no trustworthiness: it needs more than {2 * TRUSTED_NEIGHBOURS} images, and there "
            f"are {len(points)}"
        )
        return None
    return trustworthiness(points, embedded, TRUSTED_NEIGHBOURS)
