"""Alignment and uniformity of points on the unit sphere.

Wang & Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity
on the Hypersphere" (arXiv:2005.10242), section 4.1.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 512


def alignment(first: Tensor, second: Tensor) -> float:
    """Mean squared distance of pairs: equation 7 with α = 2, in [0, 4].

    Args:
        first: (N, P); normalised here, a zero vector stays zero.
        second: (N, P), of the same images; normalised here.
    """
    difference = F.normalize(first, dim=1) - F.normalize(second, dim=1)
    return float(difference.to(torch.float64).square().sum(dim=1).mean())


def uniformity(points: Tensor) -> float:
    """Logarithm of the mean of exp(-2 d²) over all pairs i < j: equation 8 with t = 2.

    Args:
        points: (N, P), N at least 2; normalised here, a zero vector stays zero.

    Returns:
        In [-8, 0]; 0 where all points are one.
    """
    points = F.normalize(points, dim=1)
    squares = points.square().sum(dim=1)
    total = 0.0
    for start in range(0, len(points), BLOCK):
        rows, columns = points[start : start + BLOCK], points[start:]
        # -2 d² = 4 x·y - 2 |x|² - 2 |y|². What is right of the diagonal has every pair once.
        exponents = torch.addmm(squares[start:], rows, columns.T, beta=-2, alpha=4)
        exponents.sub_(2 * squares[start : start + BLOCK, None]).clamp_(max=0).exp_().triu_(1)
        total += float(exponents.sum(dtype=torch.float64))
    return math.log(total / (len(points) * (len(points) - 1) / 2))
