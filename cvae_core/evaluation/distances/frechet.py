"""The Fréchet distance between two sets of features, each taken as a normal distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cvae_core.errors import EvaluationError

BLOCK = 2048
"""Rows that are held in float64 at once."""


@dataclass(frozen=True)
class Statistics:
    """Of ``count`` features: ``mean`` (D,) and unbiased ``covariance`` (D, D), float64."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    count: int


def statistics(features: NDArray[np.float32]) -> Statistics:
    """Mean and covariance of features (N, D), N ≥ 2, summed in float64."""
    count, dims = features.shape
    blocks = torch.from_numpy(features).split(BLOCK)
    total = torch.zeros(dims, dtype=torch.float64)
    for block in blocks:
        total += block.sum(dim=0, dtype=torch.float64)
    mean = total / count
    scatter = torch.zeros(dims, dims, dtype=torch.float64)
    for block in blocks:
        centred = block - mean
        scatter.addmm_(centred.T, centred)
    return Statistics(mean.numpy(), (scatter / (count - 1)).numpy(), count)


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """|μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½), arXiv:1706.08500, equation 6; never negative.

    With Σ₁ = AAᵀ the trace of (Σ₁Σ₂)^½ is the sum of the roots of the eigenvalues of AᵀΣ₂A, which
    is symmetric. Covariances may be singular.

    Raises:
        EvaluationError: no eigenvalues are found.
    """
    difference = a.mean - b.mean
    first, second = torch.from_numpy(a.covariance), torch.from_numpy(b.covariance)
    try:
        values, vectors = torch.linalg.eigh(first)
        # N images span at most N - 1 dimensions: what else has an eigenvalue is rounding.
        kept = min(a.count - 1, len(values))
        factor = vectors[:, -kept:] * values[-kept:].clamp(min=0).sqrt()
        product = torch.linalg.eigvalsh(factor.T @ second @ factor)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise EvaluationError(f"the eigenvalues of covariances were not found ({error})") from error
    root = float(product[-min(b.count - 1, len(product)) :].clamp(min=0).sqrt().sum())
    spread = float(first.trace() + second.trace()) - 2 * root
    return max(float(difference @ difference) + spread, 0.0)
