"""The kernel distance (KID) between two sets of features."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 512
"""Images on either side of a block of kernel values: 2 MB, which stay in the CPU's cache."""


def kid(x: NDArray[np.float32], y: NDArray[np.float32], *, within_y: float | None = None) -> float:
    """Unbiased squared MMD with the kernel (x·y/D + 1)³, of all images at once.

    It may be slightly below zero. Source: arXiv:1801.01401, section 4, without its random subsets.

    Args:
        x: features (M, D), M ≥ 2.
        y: features (N, D), N ≥ 2.
        within_y: ``mean_within(y)``, where it is known.
    """
    within_y = mean_within(y) if within_y is None else within_y
    total = sum(_cubes(_kernel(a, b)) for a in _blocks(x) for b in _blocks(y))
    return mean_within(x) + within_y - 2 * total / (len(x) * len(y))


def mean_within(x: NDArray[np.float32]) -> float:
    """Mean kernel value of all pairs of different images, features (N, D)."""
    total = 0.0
    for start in range(0, len(x), BLOCK):
        own = torch.from_numpy(x[start : start + BLOCK])
        kernel = _kernel(own, own)
        total += _cubes(kernel) - float(kernel.diagonal().pow(3).sum())
        # The kernel is symmetric: blocks beyond the diagonal count twice.
        total += 2 * sum(_cubes(_kernel(own, other)) for other in _blocks(x[start + BLOCK :]))
    return total / (len(x) * (len(x) - 1))


def _blocks(x: NDArray[np.float32]) -> list[Tensor]:
    return list(torch.from_numpy(x).split(BLOCK))


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """x·y/D + 1 of all pairs, float64.

    Products are float32: that halves the time. Their rounding averages out over pairs (it moves
    a distance by 3e-10 near zero); that of cubes and of their sums would not.
    """
    return torch.addmm(torch.ones(()), a, b.T, alpha=1 / a.shape[1]).to(torch.float64)


def _cubes(kernel: Tensor) -> float:
    flat = kernel.flatten()
    return float(torch.dot(flat.square(), flat))
