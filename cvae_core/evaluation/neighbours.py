"""Exact nearest neighbours: by a tree in few dimensions, by matrix products in many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TREE_DIMENSIONS = 10
"""Up to here a tree is faster even for latents without any structure; for real ones far faster."""
LEAF = 40
"""Points in a leaf: a fifth faster than with scipy's 16, for ten dimensions of MNIST's latents."""


def nearest(
    points: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Euclidean distances and indices, each (M, k), nearest first, of the k nearest points.

    A query that is itself one of the points is its own neighbour. Points at one distance come in
    the order of their indices. One thread, so that the answer never depends on how many there are.

    Args:
        points: (N, D), N ≥ k, finite.
        queries: (M, D), finite.
        k: how many.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        few = points.shape[1] <= TREE_DIMENSIONS
        indices = (_by_tree if few else _by_products)(points, queries, k)
    indices.sort(axis=1)
    # From differences: products lose the digits of distances that are small beside the norms.
    squares = np.empty(indices.shape)
    for column in range(k):
        difference = points[indices[:, column]].astype(np.float64) - queries
        squares[:, column] = np.einsum("md,md->m", difference, difference)
    order = squares.argsort(axis=1, kind="stable")
    distances = np.sqrt(np.take_along_axis(squares, order, axis=1)).astype(np.float32)
    return distances, np.take_along_axis(indices, order, axis=1)


def _by_tree(
    points: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> NDArray[np.int64]:
    from scipy.spatial import cKDTree

    _, indices = cKDTree(points, leafsize=LEAF).query(queries, k=range(1, k + 1))
    return np.asarray(indices, dtype=np.int64)


def _by_products(
    points: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(algorithm="brute").fit(points)
    return np.asarray(search.kneighbors(queries, k, return_distance=False), dtype=np.int64)
