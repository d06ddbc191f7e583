"""Linear probes: multinomial logistic regression on latent means."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.config import DataConfig
from cvae_core.evaluation.latents import latent_means
from cvae_core.models import VAE

VALIDATION_FIT = 10_000
"""Training images that classifiers are fitted on where validation is what they are scored on."""
PAPER_TRAIN_SHARE = 0.8


def probe_predictions(
    fit_latents: NDArray[np.float32],
    fit_labels: NDArray[np.int64],
    score_latents: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Classes (M,) by a logistic regression (lbfgs, C = 1, 1,000 iterations, no scaling).

    Args:
        fit_latents: (N, D).
        fit_labels: (N,), of two classes or more.
        score_latents: (M, D).
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    # One thread: sums in another order would let lbfgs stop at another iteration.
    with warnings.catch_warnings(), threadpool_limits(1):
        # At small β latents are large, and the protocol's 1,000 iterations may not converge.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe = LogisticRegression(max_iter=1000).fit(fit_latents, fit_labels)
        return np.asarray(probe.predict(score_latents), dtype=np.int64)


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


def paper_split(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the 80 % that the paper's protocol fits on, and of the 20 % that it scores.

    The split is random with a fixed seed, the same for every trial.
    """
    order = np.random.default_rng(0).permutation(count)
    fit, score = np.split(order, [round(PAPER_TRAIN_SHARE * count)])
    return fit, score


def paper_probe_accuracy(latents: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The paper's protocol: fitted on 80 % of the test latents, scored on the other 20 %."""
    fit, score = paper_split(len(latents))
    return probe_accuracy(latents[fit], labels[fit], latents[score], labels[score])


def validation_probe(
    model: VAE, pixels: Tensor, labels: Tensor, train: Tensor, val: Tensor, config: DataConfig
) -> float:
    """The cheap probe for searches: fitted on 10,000 fixed training latents, scored on validation.

    Args:
        model: put into evaluation mode.
        pixels: uint8 (N, C, H, W), training images.
        labels: (N,).
        train: indices of the training part, in the split's fixed order.
        val: indices of the validation part.
        config: how pixels are scaled.
    """
    fit = train[:VALIDATION_FIT]
    return probe_accuracy(
        latent_means(model, pixels, fit, config),
        labels[fit].numpy(),
        latent_means(model, pixels, val, config),
        labels[val].numpy(),
    )
