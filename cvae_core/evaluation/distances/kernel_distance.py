"""The kernel distance (KID) between two sets of features, and its standard error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

BLOCK = 512
"""Images on either side of a block of kernel values: 2 MB, which stay in the CPU's cache."""


@dataclass(frozen=True)
class Within:
    """The kernel among the features of one set."""

    mean: float
    """Of all pairs of different images."""
    rows: NDArray[np.float64]
    """For each image its mean with all others, (N,)."""


@dataclass(frozen=True)
class KernelDistance:
    """An estimate with its standard error."""

    value: float
    standard_error: float


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


def kernel_distance(
    x: NDArray[np.float32], y: NDArray[np.float32], within_y: Within
) -> KernelDistance:
    """``kid`` to the last bit, and the standard error of that U-statistic.

    Its first-order (Hoeffding) variance is 4 Var(a)/M + 4 Var(b)/N, where a is, image by image of
    x, the mean kernel with the others of x less that with y, and b the same with both exchanged:
    arXiv:1611.04488, section 2, for unequal numbers. Both sets count as samples. Where the two
    distributions are one, it is √2 times too large.

    Args:
        x: features (M, D), M ≥ 2.
        y: features (N, D), N ≥ 2.
        within_y: of y.
    """
    total: float = 0
    rows, columns = np.zeros(len(x)), np.zeros(len(y))
    for i, a in _placed(x):
        for j, b in _placed(y):
            kernel = _kernel(a, b)
            total += _cubes(kernel)
            cubes = _rounded_cubes(kernel)
            rows[i] += _sums(cubes)
            columns[j] += _sums(cubes.T)
    own = within(x)
    value = own.mean + within_y.mean - 2 * total / (len(x) * len(y))
    a_variance = np.var(own.rows - rows / len(y), ddof=1)
    b_variance = np.var(within_y.rows - columns / len(x), ddof=1)
    error = math.sqrt(4 * a_variance / len(x) + 4 * b_variance / len(y))
    return KernelDistance(value, error)


def mean_within(x: NDArray[np.float32]) -> float:
    """Mean kernel value of all pairs of different images, features (N, D)."""
    return _within(x, None)


def within(x: NDArray[np.float32]) -> Within:
    """``mean_within``, also by image."""
    rows = np.zeros(len(x))
    mean = _within(x, rows)
    return Within(mean, rows / (len(x) - 1))


def _within(x: NDArray[np.float32], rows: NDArray[np.float64] | None) -> float:
    """``mean_within``; adds each image's sum to ``rows`` where there are any."""
    total = 0.0
    for i, own in _placed(x):
        kernel = _kernel(own, own)
        total += _cubes(kernel) - float(kernel.diagonal().pow(3).sum())
        if rows is not None:
            rows[i] += _sums(_rounded_cubes(kernel).fill_diagonal_(0))
        # The kernel is symmetric: blocks beyond the diagonal count twice.
        beyond: float = 0
        for j, other in _placed(x, i.stop):
            kernel = _kernel(own, other)
            beyond += _cubes(kernel)
            if rows is not None:
                cubes = _rounded_cubes(kernel)
                rows[i] += _sums(cubes)
                rows[j] += _sums(cubes.T)
        total += 2 * beyond
    return total / (len(x) * (len(x) - 1))


def _placed(x: NDArray[np.float32], start: int = 0) -> Iterator[tuple[slice, Tensor]]:
    for begin in range(start, len(x), BLOCK):
        place = slice(begin, min(begin + BLOCK, len(x)))
        yield place, torch.from_numpy(x[place])


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


def _rounded_cubes(kernel: Tensor) -> Tensor:
    """Single cubes in float32: enough for a standard error, and half the time."""
    single = kernel.to(torch.float32)
    return single.square().mul_(single)


def _sums(cubes: Tensor) -> NDArray[np.float64]:
    """Of each row."""
    sums: NDArray[np.float64] = (cubes @ torch.ones(cubes.shape[1])).numpy().astype(np.float64)
    return sums
