"""How far neighbours on a map are neighbours in the space that it shows."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.evaluation.neighbours import nearest

BLOCK_BYTES = 32 << 20
"""Of distances that are held at once."""


def trustworthiness(points: NDArray[np.float32], embedded: NDArray[np.float32], k: int) -> float:
    """Trustworthiness, in [0, 1], of a map (Venna and Kaski, ICANN 2001).

    1 where the k nearest on the map are the k nearest among the points. A neighbour on the map
    costs as many ranks as it is too far away among the points.

    Args:
        points: (N, D), what the map shows.
        embedded: (N, 2), the map.
        k: how many neighbours, below N / 2.
    """
    count = len(points)
    if not 0 < k < count / 2:
        raise ValueError(f"k must be above 0 and below {count} / 2, not {k}")
    neighbours = _others(embedded, k)
    base = torch.from_numpy(points - points.mean(axis=0, dtype=np.float64).astype(np.float32))
    squares = base.square().sum(dim=1)
    cost = 0
    rows = max(1, BLOCK_BYTES // (4 * count))
    for own in torch.arange(count).split(rows):
        # Squared distances, less a query's own norm, which does not change the order.
        partial = torch.addmm(squares, base[own], base.T, alpha=-2)
        partial[torch.arange(len(own)), own] = torch.inf
        cost += _ranks_too_far(partial.numpy(), neighbours[own].numpy())
    return 1 - 2 * cost / (count * k * (2 * count - 3 * k - 1))


@numba.njit(cache=True, nogil=True)
def _ranks_too_far(distances: Any, neighbours: Any) -> Any:
    """Summed over rows: how far beyond the k nearest (ranks) each of the k ``neighbours`` is."""
    cost = 0
    k = neighbours.shape[1]
    for row in range(len(distances)):
        for neighbour in neighbours[row]:
            threshold = distances[row, neighbour]
            closer = np.int32(0)
            for column in range(distances.shape[1]):
                closer += np.int32(distances[row, column] < threshold)
            cost += max(0, closer + 1 - k)
    return cost


def _others(embedded: NDArray[np.float32], k: int) -> Tensor:
    """Indices (N, k) of each point's nearest, itself left out."""
    indices = torch.from_numpy(nearest(embedded, embedded, k + 1)[1])
    itself = indices == torch.arange(len(indices))[:, None]
    # Among more than k duplicates a point may be missing from its own list: the last one goes.
    itself[:, -1] |= ~itself.any(dim=1)
    return indices[~itself].reshape(len(indices), k)
