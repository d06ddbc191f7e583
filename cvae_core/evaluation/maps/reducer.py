"""UMAP of points: umap-learn's graph and start on exact neighbours, and our own layout loop."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import AbsentError, EvaluationError
from cvae_core.evaluation.neighbours import nearest

SEED = 1
FEWEST = 4
"""Images that a map needs."""


Neighbours = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Distances and indices, each (N, k), nearest first, each point its own first neighbour."""


def reduce(
    points: NDArray[np.float32],
    neighbours: int,
    min_dist: float,
    notes: list[str],
    known: Neighbours | None = None,
) -> Iterator[float | NDArray[np.float32]]:
    """Coordinates in two dimensions, as ``UMAP(n_neighbors, min_dist)`` has them, seeded.

    Args:
        points: (N, D).
        neighbours: of each point, itself counted; fewer where there are not as many points.
        min_dist: how close points may lie on the map.
        notes: gets what a reader of the map should know.
        known: the neighbours, where they are not the nearest of all points.

    Yields:
        The share that is done, and at last float32 (N, 2).

    Raises:
        AbsentError: umap-learn is not installed, or there are fewer than 4 points.
        EvaluationError: all points are equal.
    """
    count = len(points)
    if count < FEWEST:
        raise AbsentError(f"a map needs at least {FEWEST} images, and there are {count}")
    if bool((points == points[0]).all()):
        raise EvaluationError("all latent means are equal: there is nothing to map")
    if neighbours >= count:
        notes.append(f"only {count} images: n_neighbors is {count - 1}, not {neighbours}")
        neighbours = count - 1
    yield 0.01
    umap = load()
    yield 0.1
    distances, indices = known or nearest(points, points, neighbours)
    neighbours = indices.shape[1]
    generator = np.random.RandomState(SEED)
    graph = umap.fuzzy_simplicial_set(
        points, neighbours, generator, "euclidean", {}, indices, distances
    )[0].tocoo()
    # umap-learn's number, and its cut: what is weaker would not be due even once.
    epochs = 500 if count <= 10_000 else 200
    graph.data[graph.data < graph.data.max() / epochs] = 0
    graph.eliminate_zeros()
    yield 0.2
    embedded = _start(umap, points, graph, generator, notes)
    yield 0.25
    layout = importlib.import_module("cvae_core.evaluation.maps.umap_layout")
    for done in layout.optimise(embedded, graph, epochs, umap.find_ab_params(1.0, min_dist), SEED):
        yield 0.25 + 0.7 * done
    if not np.isfinite(embedded).all():
        raise EvaluationError("UMAP's coordinates came out as not finite")
    yield embedded


def load() -> Any:
    """umap-learn's module.

    Raises:
        AbsentError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)
            umap = importlib.import_module("umap.umap_")
    except ImportError as error:
        raise AbsentError(
            f"umap-learn is not installed ({error}): pip install umap-learn, or switch umap off"
        ) from error
    # Compiling these two takes a process seconds; numba can keep what comes out.
    for name in ("smooth_knn_dist", "compute_membership_strengths"):
        with suppress(AttributeError, RuntimeError):  # no such function, or no folder for it
            getattr(umap, name).enable_caching()
    return umap


def umap_version() -> str:
    """Of the installed umap-learn."""
    return version("umap-learn")


def _start(
    umap: Any,
    points: NDArray[np.float32],
    graph: Any,
    generator: np.random.RandomState,
    notes: list[str],
) -> NDArray[np.float32]:
    """Where the layout starts: the graph's spectral embedding with a little noise, in [0, 10]²."""
    with warnings.catch_warnings(record=True) as said:
        # That a graph is in several pieces is a usual case.
        warnings.simplefilter("always")
        try:
            start = np.asarray(umap.spectral_layout(points, graph, 2, generator))
            usable = bool(np.isfinite(start).all() and np.ptp(start, axis=0).min() > 0)
        except (ValueError, TypeError, RuntimeError):
            usable = False
    failed = any("Spectral initialisation failed" in str(each.message) for each in said)
    if usable and failed:  # then they are what is random
        notes.append(
            "UMAP starts from random positions, in whole or in part: no spectral embedding"
        )
    if not usable:
        notes.append("UMAP starts from random positions: the graph has no spectral embedding")
        start = generator.uniform(-10, 10, size=(len(points), 2))
    start = start * (10 / np.abs(start).max()) + generator.normal(scale=1e-4, size=start.shape)
    scaled: NDArray[np.float32] = (10 * (start - start.min(axis=0)) / np.ptp(start, axis=0)).astype(
        np.float32
    )
    return scaled
