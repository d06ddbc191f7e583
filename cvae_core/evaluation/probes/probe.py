"""Linear probes: multinomial logistic regression on latent means."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

PAPER_TRAIN_SHARE = 0.8
NEWTON_SIZE = 320
"""Coefficients up to which Newton's method is the faster one."""
TOLERANCE = 1e-6
"""Largest gradient, per image, at which a solver stops."""


def probe_predictions(
    fit_latents: NDArray[np.float32],
    fit_labels: NDArray[np.int64],
    score_latents: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Classes (M,) by a logistic regression (C = 1, no scaling of the latents) at its optimum.

    In float32, scikit-learn's default solver stops where it can no longer see the loss decrease:
    at a small β, whose latents are large, a hundred test images of 10,000 before the optimum. In
    float64 the solvers agree.

    Args:
        fit_latents: (N, D).
        fit_labels: (N,), of two classes or more.
        score_latents: (M, D).
    """
    from scipy.linalg import LinAlgWarning
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    # Newton's method needs few steps at any scale of the latents, and each costs the square of
    # the number of coefficients.
    few = fit_latents.shape[1] * len(np.unique(fit_labels)) <= NEWTON_SIZE
    solver = "newton-cholesky" if few else "lbfgs"
    # One thread: sums in another order would let a solver stop at another iteration.
    with warnings.catch_warnings(), threadpool_limits(1):
        # At small β latents are large, and 1,000 iterations may not get all the way.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", LinAlgWarning)
        probe = LogisticRegression(solver=solver, tol=TOLERANCE, max_iter=1000)
        # The intercepts are not penalised: a shift changes nothing but the rounding.
        centre = fit_latents.mean(axis=0, dtype=np.float64)
        probe.fit(fit_latents - centre, fit_labels)
        return np.asarray(probe.predict(score_latents - centre), dtype=np.int64)


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
