"""Densities fitted to training latents after training, to be sampled in place of the prior.

Ex-post density estimation: arXiv:1903.12436, section 4.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import EvaluationError

COMPONENTS = 10
"""Of the mixture, as in the source."""
FITTED = 10_000
"""Training latents, at most, that a density is fitted to."""


@dataclass(frozen=True)
class Density:
    """A mixture of normal distributions in D dimensions; of one component a Gaussian."""

    weights: NDArray[np.float64]
    """(K,), of sum 1."""
    means: NDArray[np.float64]
    """(K, D)."""
    covariances: NDArray[np.float64]
    """(K, D, D)."""

    def sample(
        self, uniform: NDArray[np.float64], normal: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Latents (N, D) from uniform (N,) and standard normal (N, D) random numbers."""
        last = len(self.weights) - 1
        chosen = np.minimum(np.searchsorted(np.cumsum(self.weights), uniform, "right"), last)
        latents = np.empty(normal.shape)
        for component in range(len(self.weights)):
            own = chosen == component
            root = _root(self.covariances[component])
            latents[own] = self.means[component] + normal[own] @ root
        return latents.astype(np.float32)


def gaussian(latents: NDArray[np.float32]) -> Density:
    """Mean and full covariance of latents (N, D), N ≥ 2."""
    points = latents.astype(np.float64)
    covariance = np.cov(points, rowvar=False).reshape(1, points.shape[1], points.shape[1])
    return Density(np.ones(1), points.mean(axis=0, keepdims=True), covariance)


def mixture(latents: NDArray[np.float32]) -> Density:
    """Ten components of full covariance, by scikit-learn's EM with a fixed seed.

    One thread, so that the answer never depends on how many there are.

    Raises:
        EvaluationError: there are fewer latents than components, or EM fails.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    if len(latents) < COMPONENTS:
        raise EvaluationError(f"a mixture of {COMPONENTS} takes {COMPONENTS} training images")
    model = GaussianMixture(COMPONENTS, covariance_type="full", random_state=0)
    with threadpool_limits(1), warnings.catch_warnings():
        # At the last of its 100 iterations it is taken as it is, as in the source.
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            model.fit(latents.astype(np.float64))
        except ValueError as error:
            raise EvaluationError("no mixture can be fitted to the latents") from error
    return Density(model.weights_, model.means_, model.covariances_)


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric root of a covariance, which may be singular.

    Raises:
        EvaluationError: its eigenvalues are not found.
    """
    try:
        values, vectors = np.linalg.eigh(covariance)
    except np.linalg.LinAlgError as error:
        raise EvaluationError(f"the eigenvalues of latents were not found ({error})") from error
    root: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
