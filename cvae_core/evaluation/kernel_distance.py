"""The kernel distance (KID) between two sets of features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 512
"""Images on either side of a block of kernel values: a few MB, which stay in the CPU's cache."""


def kid(x: NDArray[np.float32], y: NDArray[np.float32], *, within_y: float | None = None) -> float:
    """Unbiased squared MMD with the kernel (x·y/D + 1)³, of all images at once.

    It may be slightly below zero. Source: arXiv:1801.01401, section 4, without its random subsets.

    Args:
        x: features (M, D), M ≥ 2.
        y: features (N, D), N ≥ 2.
        within_y: ``mean_within(y)``, where it is known.
    """
    within_y = mean_within(y) if within_y is None else within_y
    between = sum(_cubes(a, b) for a in _blocks(x) for b in _blocks(y)) / (len(x) * len(y))
    return mean_within(x) + within_y - 2 * between


def mean_within(x: NDArray[np.float32]) -> float:
    """Mean kernel value of all pairs of different images, features (N, D)."""
    total = 0.0
    blocks = range(0, len(x), BLOCK)
    for start in blocks:
        own = next(_blocks(x[start : start + BLOCK]))
        total += _cubes(own, own)
        total -= float((own.square().sum(dim=1) / own.shape[1] + 1).pow(3).sum())
        total += 2 * sum(_cubes(own, other) for other in _blocks(x[start + BLOCK :]))
    return total / (len(x) * (len(x) - 1))


def _blocks(x: NDArray[np.float32]) -> Iterator[Tensor]:
    return (block.to(torch.float64) for block in torch.from_numpy(x).split(BLOCK))


def _cubes(a: Tensor, b: Tensor) -> float:
    """Sum of the kernel's values of all pairs."""
    one = torch.ones((), dtype=a.dtype)
    kernel = torch.addmm(one, a, b.T, alpha=1 / a.shape[1]).flatten()
    return float(torch.dot(kernel.square(), kernel))
