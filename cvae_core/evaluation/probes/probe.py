"""Linear probes: multinomial logistic regression on latent means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.probes.optimum import fitted


def probe_predictions(
    fit_latents: NDArray[np.float32],
    fit_labels: NDArray[np.int64],
    score_latents: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Classes (M,) by a logistic regression (C = 1, no scaling of the latents) at its optimum.

    Args:
        fit_latents: (N, D).
        fit_labels: (N,), of two classes or more.
        score_latents: (M, D).
    """
    return fitted(fit_latents, fit_labels).predictions(score_latents)


def probe_accuracy(
    fit_latents: NDArray[np.float32],
    fit_labels: NDArray[np.int64],
    score_latents: NDArray[np.float32],
    score_labels: NDArray[np.int64],
) -> float:
    """Accuracy in [0, 1] of the classes that ``probe_predictions`` finds.

    Args:
        fit_latents: (N, D).
        fit_labels: (N,).
        score_latents: (M, D).
        score_labels: (M,).
    """
    return accuracy(probe_predictions(fit_latents, fit_labels, score_latents), score_labels)


def accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Share of (M,) classes that are the labels, in [0, 1]."""
    return float((predicted == labels).mean())
