"""How far latents fall into clusters, and whether those are the classes."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

SEED = 0
STARTS = 10
"""Of k-means, the best of which counts."""


def silhouette(latents: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean of (b - a) / max(a, b) over points, in [-1, 1].

    Of a point, a is its mean distance (Euclidean) from the others of its class, and b the one from
    the nearest other class. P. Rousseeuw, "Silhouettes" (1987).

    Args:
        latents: (N, D).
        labels: (N,), of two classes at least, and of fewer than N.
    """
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return float(silhouette_score(latents, labels))


def cluster_agreement(latents: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Normalised mutual information, in [0, 1], of classes and as many clusters of k-means.

    It is 2 I(C; K) / (H(C) + H(K)), as in Manning et al., "Introduction to Information Retrieval",
    section 16.3. k-means starts ten times (k-means++) from a fixed seed.

    Args:
        latents: (N, D), N at least the number of classes.
        labels: (N,).
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import normalized_mutual_info_score
    from threadpoolctl import threadpool_limits

    # One thread: sums in another order would let k-means end elsewhere.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Of fewer distinct points than clusters: some clusters are then empty, and that is all.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = KMeans(len(np.unique(labels)), n_init=STARTS, random_state=SEED)
        found = clusters.fit_predict(latents)
    return float(normalized_mutual_info_score(labels, found))
