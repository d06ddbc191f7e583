"""Precision, recall, density and coverage: by balls around features that reach to neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PRECISION_K, DENSITY_K = 3, 5
"""Neighbours that a ball reaches to: arXiv:1904.06991 has 3, arXiv:2002.09797 has 5."""
LEAST = DENSITY_K + 1
"""Images on either side."""
ROWS = 512
"""Of distances that are held at once."""


def manifold(real: NDArray[np.float32], made: NDArray[np.float32]) -> dict[str, float]:
    """By name: precision, recall, density and coverage of generated features.

    A feature's ball reaches to its k-th nearest neighbour of its own set, that one included.
    Precision is the share of ``made`` in a ball of ``real``, recall the share of ``real`` in a ball
    of ``made`` (k = 3: arXiv:1904.06991, equations 1 and 2). Density is the mean number of balls of
    ``real`` that one of ``made`` lies in, over k, and coverage the share of balls of ``real`` that
    have one of ``made`` in them (k = 5: arXiv:2002.09797, equations 4 and 5).

    Args:
        real: features (N, D), N > 5.
        made: features (M, D), M > 5.
    """
    x, y = (torch.from_numpy(features).to(torch.float64) for features in (real, made))
    x_radii, y_radii = _radii(x), _radii(y)
    precise = torch.zeros(len(y), dtype=torch.bool)
    inside = recalled = covered = 0
    for rows, squares in _squares(x, y):
        precise |= (squares <= x_radii[rows, :1]).any(dim=0)
        recalled += int((squares <= y_radii[:, 0]).any(dim=1).sum())
        dense = squares <= x_radii[rows, 1:]
        inside += int(dense.sum())
        covered += int(dense.any(dim=1).sum())
    return {
        "precision": int(precise.sum()) / len(y),
        "recall": recalled / len(x),
        "density": inside / (DENSITY_K * len(y)),
        "coverage": covered / len(x),
    }


def _radii(x: Tensor) -> Tensor:
    """Squared distances (N, 2) to the 3rd and the 5th nearest other one."""
    radii = []
    for rows, squares in _squares(x, x):
        squares[torch.arange(len(squares)), torch.arange(rows.start, rows.stop)] = torch.inf
        nearest = squares.topk(DENSITY_K, dim=1, largest=False).values
        radii.append(nearest[:, [PRECISION_K - 1, DENSITY_K - 1]])
    return torch.cat(radii)


def _squares(x: Tensor, y: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Rows of squared distances between all pairs, from products in float64."""
    norms = y.square().sum(dim=1)
    for start in range(0, len(x), ROWS):
        rows = slice(start, min(start + ROWS, len(x)))
        own = x[rows].square().sum(dim=1, keepdim=True)
        yield rows, torch.addmm(norms, x[rows], y.T, alpha=-2).add_(own).clamp_(min=0)
