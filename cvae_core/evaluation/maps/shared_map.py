"""One map of several trials, so that their latents can be looked at side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.maps import reducer
from cvae_core.evaluation.maps.declaration import UmapConfig
from cvae_core.evaluation.maps.map_files import PANELS, limits, many_maps
from cvae_core.evaluation.maps.part import subset, trusted
from cvae_core.evaluation.maps.procrustes import align
from cvae_core.evaluation.neighbours import nearest
from cvae_core.evaluation.parts import Findings
from cvae_core.evaluation.progress import within
from cvae_core.evaluation.tables import csv_table

MOST_POINTS = 20_000
"""Of all trials together."""


def shared_map(
    latents: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    names: Sequence[str],
    classes: Sequence[str],
    settings: UmapConfig,
) -> Iterator[float | Findings]:
    """Latents of all trials, aligned to the first one's, on one UMAP fitted on them together.

    Args:
        latents: each trial's latent means (N, D_i) of the same N images in the same order.
        labels: of the images (N,).
        names: of the trials.
        classes: names of the classes.
        settings: of the map; at most ``MOST_POINTS`` points in all.

    Yields:
        The share that is done, and at last the findings: a panel for each trial, on several pages
        where they are many, the coordinates, and the trustworthiness of each trial's points.

    Raises:
        AbsentError: umap-learn is not installed, or there are no trials or too few images.
        EvaluationError: latents that are all equal, not finite, or of other images.
    """
    _check(latents, labels, names)
    chosen = subset(len(labels), min(settings.n, max(MOST_POINTS // len(latents), reducer.FEWEST)))
    own, labels = [each[chosen] for each in latents], labels[chosen]
    each_aligned = align(own, names)
    aligned = np.concatenate(each_aligned)
    yield 0.01
    warnings: list[str] = []
    neighbours = joint_neighbours(each_aligned, settings.neighbours)
    reducing = reducer.reduce(aligned, settings.neighbours, settings.min_dist, warnings, neighbours)
    embedded = yield from within(0.01, 0.71, reducing)
    panels = np.split(embedded, len(own))
    trust = trusted(aligned, embedded, warnings)
    yield 0.8
    trusts = [trusted(points, panel, []) for points, panel in zip(own, panels, strict=True)]
    yield 0.85
    files = {
        "shared_umap.csv": _coordinates(names, panels, chosen, labels),
        "shared_umap_trustworthiness.csv": _trusts(names, trusts, len(chosen)),
    }
    titles = [_title(name, value) for name, value in zip(names, trusts, strict=True)]
    pictures = _pages(panels, labels, classes, titles, limits(embedded))
    for number, (name, picture) in enumerate(pictures, start=1):
        files[name] = picture
        yield 0.85 + 0.14 * number / math.ceil(len(panels) / PANELS)
    yield Findings(
        metrics={} if trust is None else {"umap/shared_trustworthiness": trust},
        files=files,
        facts={
            "n": len(chosen),
            "trials": len(panels),
            "aligned_to": names[0],
            "umap_learn": reducer.umap_version(),
        },
        warnings=warnings,
    )


def _check(
    latents: Sequence[NDArray[np.float32]], labels: NDArray[np.int64], names: Sequence[str]
) -> None:
    if not latents:
        raise AbsentError("a shared map needs at least one trial")
    for each, name in zip(latents, names, strict=True):
        if len(each) != len(labels):
            raise EvaluationError(f"{name} has {len(each)} latents for {len(labels)} images")
        if not np.isfinite(each).all():
            raise EvaluationError(f"latent means of {name} are not finite")


def _coordinates(
    names: Sequence[str],
    panels: Sequence[NDArray[np.float32]],
    chosen: NDArray[np.int64],
    labels: NDArray[np.int64],
) -> bytes:
    """A table of every trial's points, those of ``chosen`` images with their labels."""
    rows = (
        (name, index, label, x, y)
        for name, panel in zip(names, panels, strict=True)
        for index, label, (x, y) in zip(
            chosen.tolist(), labels.tolist(), panel.astype(float).tolist(), strict=True
        )
    )
    return csv_table(["trial", "index", "label", "x", "y"], rows, ".5f")


def _trusts(names: Sequence[str], trusts: Sequence[float | None], count: int) -> bytes:
    """A table of the trustworthiness of each trial's points, empty where there is none."""
    rows = (
        (name, count, "" if value is None else value)
        for name, value in zip(names, trusts, strict=True)
    )
    return csv_table(["trial", "n", "trustworthiness"], rows, ".5f")


def _title(name: str, trust: float | None) -> str:
    return name if trust is None else f"{name}\ntrustworthiness {trust:.3f}"


def _pages(
    panels: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    titles: Sequence[str],
    around: tuple[NDArray[np.float64], float],
) -> Iterator[tuple[str, bytes]]:
    """File names and pictures of ``PANELS`` trials each, all on one scale."""
    count = math.ceil(len(panels) / PANELS)
    for number in range(1, count + 1):
        page = slice((number - 1) * PANELS, number * PANELS)
        title = "One UMAP of the latent means of all trials, aligned to the first"
        title += f" (page {number} of {count})" if count > 1 else ""
        name = f"shared_umap_{number}.png" if number > 1 else "shared_umap.png"
        yield name, many_maps(panels[page], labels, classes, titles[page], title, around)


def joint_neighbours(aligned: Sequence[NDArray[np.float32]], k: int) -> reducer.Neighbours | None:
    """Neighbours on a shared map: two thirds of a point's own trial, one third of all others.

    An image's points in other trials are left out: its nearest points by far, they would make a
    map of copies, whose panels are alike whatever the trials have learnt.

    Args:
        aligned: each trial's points (N, D) of the same images in the same order.
        k: neighbours of each point, itself counted.

    Returns:
        None where there are too few images or trials: then the nearest of all are taken.
    """
    trials, count = len(aligned), len(aligned[0])
    abroad = k // 3
    if trials < 2 or abroad < 1 or count <= k:
        return None
    everything = np.concatenate(aligned)
    image = np.tile(np.arange(count), trials)
    distances, indices = [], []
    for number, own in enumerate(aligned):
        near, at = nearest(own, own, k - abroad)
        others = np.flatnonzero(np.arange(trials * count) // count != number)
        # As many more as an image has points there.
        far, far_at = nearest(everything[others], own, abroad + trials - 1)
        far_at = others[far_at]
        copies = image[far_at] == np.arange(count)[:, None]
        kept = np.argsort(copies, axis=1, kind="stable")[:, :abroad]
        distances.append(np.hstack([near, np.take_along_axis(far, kept, axis=1)]))
        indices.append(np.hstack([at + number * count, np.take_along_axis(far_at, kept, axis=1)]))
    far, at = np.concatenate(distances), np.concatenate(indices)
    # A point stays its own first neighbour, also beside others at no distance.
    far[np.arange(len(far)), np.argmax(at == np.arange(len(at))[:, None], axis=1)] = -1.0
    order = np.argsort(far, axis=1, kind="stable")
    sorted_far = np.maximum(np.take_along_axis(far, order, axis=1), 0.0).astype(np.float32)
    return sorted_far, np.take_along_axis(at, order, axis=1)
