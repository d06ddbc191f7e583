"""Exact nearest neighbours by matrix products, a block of queries at a time."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

BLOCK_BYTES = 64 << 20
"""Of distances that are held at once."""


def nearest(
    points: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Euclidean distances and indices, each (M, k), nearest first, of the k nearest points.

    A query that is itself one of the points is its own neighbour.

    Args:
        points: (N, D), N ≥ k.
        queries: (M, D).
        k: how many.
    """
    # Centred, so that the squared norms are small and little is lost in their differences.
    centre = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    base = torch.from_numpy(points - centre)
    squares = base.square().sum(dim=1)
    rows = max(1, BLOCK_BYTES // (4 * len(points)))
    found = []
    for block in torch.from_numpy(queries - centre).split(rows):
        partial = torch.addmm(squares, block, base.T, alpha=-2)
        found.append(partial.topk(k, dim=1, largest=False).indices)
    indices = torch.cat(found)
    distances = torch.empty(indices.shape)
    for start in range(0, len(queries), rows):
        chosen = base[indices[start : start + rows]]
        own = torch.from_numpy(queries[start : start + rows] - centre)
        distances[start : start + rows] = (chosen - own[:, None]).square().sum(dim=2).sqrt()
    order = distances.argsort(dim=1, stable=True)
    return distances.gather(1, order).numpy(), indices.gather(1, order).numpy()
