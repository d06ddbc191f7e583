"""Clusters of latents against loops."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from cvae_core.evaluation.diagnostics.clusters import cluster_agreement, silhouette


def blobs(spread: float, classes: int = 4, each: int = 15) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), each)
    centres = 10 * np.eye(classes)
    points = centres[labels] + spread * rng.normal(size=(len(labels), classes))
    order = rng.permutation(len(labels))
    return points[order].astype(np.float32), labels[order]


@pytest.mark.parametrize("spread", [0.5, 4.0, 30.0])
def test_the_silhouette_is_that_of_a_loop(spread: float) -> None:
    points, labels = blobs(spread)
    total = 0.0
    for i, point in enumerate(points.astype(float)):
        distances: dict[int, list[float]] = {}
        for j, other in enumerate(points.astype(float)):
            if i != j:
                away = math.sqrt(float(((point - other) ** 2).sum()))
                distances.setdefault(int(labels[j]), []).append(away)
        means = {label: sum(found) / len(found) for label, found in distances.items()}
        own = means.pop(int(labels[i]))
        nearest = min(means.values())
        total += (nearest - own) / max(own, nearest)
    assert silhouette(points, labels) == pytest.approx(total / len(points), abs=1e-5)


def assigned(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    found: np.ndarray = ((points[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    return found


def lloyd(points: np.ndarray, k: int) -> np.ndarray:
    """k-means, the best of many random starts."""
    rng, best, found = np.random.default_rng(1), math.inf, np.zeros(len(points), int)
    for _ in range(50):
        centres = points[rng.choice(len(points), k, replace=False)]
        for _ in range(30):
            near = assigned(points, centres)
            own = [points[near == c].mean(axis=0) if c in near else centres[c] for c in range(k)]
            centres = np.array(own)
        near = assigned(points, centres)
        loss = ((points - centres[near]) ** 2).sum()
        if loss < best - 1e-9:
            best, found = loss, near
    return found


def entropy(values: list[object]) -> float:
    return -sum(n / len(values) * math.log(n / len(values)) for n in Counter(values).values())


@pytest.mark.parametrize("spread", [0.5, 4.0])
def test_the_agreement_is_that_of_another_k_means_and_of_entropies(spread: float) -> None:
    points, labels = blobs(spread)
    clusters = lloyd(points.astype(float), 4)
    classes, found = entropy([*labels]), entropy([*clusters])
    mutual = classes + found - entropy([*zip(labels.tolist(), clusters.tolist(), strict=True)])
    agreement = cluster_agreement(points, labels)
    assert agreement == pytest.approx(2 * mutual / (classes + found), abs=1e-9)
    assert cluster_agreement(points, labels) == agreement
    if spread == 0.5:
        assert agreement == pytest.approx(1)


def test_collapsed_latents_have_no_clusters() -> None:
    points = np.full((30, 3), 2.0, np.float32)
    labels = np.arange(30) % 5
    assert silhouette(points, labels) == 0
    assert cluster_agreement(points, labels) == pytest.approx(0, abs=1e-9)
