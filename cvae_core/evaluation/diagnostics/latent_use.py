"""Which latent dimensions carry information."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.tables import csv_table

Row = NDArray[np.float64]


@dataclass(frozen=True)
class LatentUse:
    """Of each latent dimension, float64 (D,)."""

    kl: Row
    """KL divergence of the posterior from the prior, mean over images, in nats."""
    mean_variance: Row
    """Variance over images of the posterior's mean."""
    posterior_variance: Row
    """Mean over images of the posterior's variance."""

    def active(self, threshold: float) -> NDArray[np.bool_]:
        """Active units: the mean varies by more than the threshold.

        Burda et al., "Importance Weighted Autoencoders" (arXiv:1509.00519), section 5.2.
        """
        return self.mean_variance > threshold


def latent_use(mu: NDArray[np.float32], log_var: NDArray[np.float32]) -> LatentUse:
    """What the posteriors of many images say of each dimension.

    KL: Kingma & Welling, "Auto-Encoding Variational Bayes" (arXiv:1312.6114), appendix B, without
    the sum over dimensions.

    Args:
        mu: posterior means, (N, D).
        log_var: logarithms of posterior variances, (N, D).
    """
    # A dimension at a time: in float64 all at once would be twice what the latents take.
    columns = [
        _column(mean.astype(np.float64), logarithm.astype(np.float64))
        for mean, logarithm in zip(mu.T, log_var.T, strict=True)
    ]
    kl, mean_variance, posterior_variance = np.array(columns).T
    return LatentUse(kl, mean_variance, posterior_variance)


def dimensions_csv(use: LatentUse, threshold: float) -> bytes:
    """A table with a row for each dimension, in the model's order, counted from 0."""
    numbers = zip(use.kl, use.mean_variance, use.posterior_variance, strict=True)
    rows = (
        (dimension, *map(float, row), int(active))
        for dimension, (row, active) in enumerate(zip(numbers, use.active(threshold), strict=True))
    )
    header = ["dimension", "kl", "variance_of_mean", "mean_posterior_variance", "active"]
    return csv_table(header, rows, ".9g")


def _column(mu: Row, log_var: Row) -> tuple[float, float, float]:
    variance = np.exp(log_var)
    kl = 0.5 * (mu**2 + variance - 1 - log_var)
    return float(kl.mean()), float(mu.var()), float(variance.mean())
