"""Classification by a vote of the nearest latents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.neighbours import nearest

DIRECTIONS = 1_000
"""Latents whose directions are computed at a time."""


def knn_predictions(
    fit_latents: NDArray[np.float32],
    fit_labels: NDArray[np.int64],
    score_latents: NDArray[np.float32],
    k: int,
) -> NDArray[np.int64]:
    """Classes (M,): each the most frequent one of the k nearest latents, of equals the smallest.

    Args:
        fit_latents: (N, D).
        fit_labels: (N,), classes counted from 0.
        score_latents: (M, D).
        k: votes, all of one weight; distances are Euclidean.

    Raises:
        EvaluationError: k is above N.
    """
    if k > len(fit_latents):
        raise EvaluationError(
            f"k-NN with k = {k} needs as many training latents, and there are {len(fit_latents)}: "
            "set a smaller number of neighbours"
        )
    _, indices = nearest(fit_latents, score_latents, k)
    rows = np.arange(len(indices))[:, None]
    votes = np.zeros((len(indices), int(fit_labels.max()) + 1), dtype=np.int64)
    np.add.at(votes, (rows, fit_labels[indices]), 1)
    winners: NDArray[np.int64] = votes.argmax(axis=1)
    return winners


def cosine_predictions(
    fit_latents: NDArray[np.float32],
    fit_labels: NDArray[np.int64],
    score_latents: NDArray[np.float32],
    k: int,
) -> NDArray[np.int64]:
    """``knn_predictions`` by the angle between latents: nearest on the unit sphere.

    A latent of length zero, which has no direction, is as far from all others.
    """
    return knn_predictions(_directions(fit_latents), fit_labels, _directions(score_latents), k)


def _directions(latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Latents (N, D) divided by their lengths, in float64; of length zero they stay zero."""
    directions = np.empty(latents.shape, np.float32)
    # Some at a time: latents may be pixels, gigabytes of them.
    for start in range(0, len(latents), DIRECTIONS):
        rows = slice(start, start + DIRECTIONS)
        lengths = np.linalg.norm(latents[rows].astype(np.float64), axis=1, keepdims=True)
        directions[rows] = latents[rows] / np.where(lengths > 0, lengths, 1)
    return directions
