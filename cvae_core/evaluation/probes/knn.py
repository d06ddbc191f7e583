"""Classification by a vote of the nearest latents."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.neighbours import nearest


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
