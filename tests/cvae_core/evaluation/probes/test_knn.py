from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.probes.knn import cosine_predictions, knn_predictions


def latents(count: int, dimensions: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 4, 20])
@pytest.mark.parametrize("dimensions", [3, 24])
def test_equals_scikit_learn_and_a_loop(k: int, dimensions: int) -> None:
    points, queries = latents(400, dimensions, 0), latents(150, dimensions, 1)
    labels = np.random.default_rng(2).integers(0, 7, 400)
    ours = knn_predictions(points, labels, queries, k)
    theirs = KNeighborsClassifier(k, algorithm="brute").fit(points, labels).predict(queries)
    assert (ours == theirs).all()
    for query, predicted in zip(queries, ours, strict=True):
        order = np.argsort(np.linalg.norm(points.astype(float) - query, axis=1))
        votes = Counter(labels[order[:k]].tolist())
        assert predicted == min(c for c in votes if votes[c] == max(votes.values()))


def test_of_equal_votes_the_smallest_class_wins() -> None:
    points = np.array([[0.0], [0.1], [0.2], [0.3], [9.0]], dtype=np.float32)
    labels = np.array([5, 2, 2, 5, 0])
    query = np.array([[0.0]], dtype=np.float32)
    assert knn_predictions(points, labels, query, 4).tolist() == [2]


def test_more_neighbours_than_points_are_refused() -> None:
    points = latents(5, 2, 0)
    assert len(knn_predictions(points, np.arange(5), points, 5)) == 5
    with pytest.raises(EvaluationError, match=r"k = 6 .* there are 5: set a smaller"):
        knn_predictions(points, np.arange(5), points, 6)


@pytest.mark.parametrize("k", [1, 4, 20])
@pytest.mark.parametrize("dimensions", [3, 24])
def test_by_angle_it_equals_scikit_learn_whatever_the_lengths(k: int, dimensions: int) -> None:
    points, queries = latents(400, dimensions, 0), latents(150, dimensions, 1)
    points *= np.random.default_rng(3).uniform(0.01, 50, (400, 1)).astype(np.float32)
    labels = np.random.default_rng(2).integers(0, 7, 400)
    ours = cosine_predictions(points, labels, queries, k)
    search = KNeighborsClassifier(k, metric="cosine", algorithm="brute")
    theirs = search.fit(points.astype(float), labels).predict(queries.astype(float))
    assert (ours == theirs).all()
    assert (ours != knn_predictions(points, labels, queries, k)).any()


def test_a_latent_without_direction_is_as_far_from_all() -> None:
    points = np.array([[1.0, 0], [0, 1], [-1, 0]], dtype=np.float32)
    query = np.zeros((1, 2), dtype=np.float32)
    assert cosine_predictions(points, np.array([2, 1, 1]), query, 1).tolist() == [2]


def test_directions_are_the_one_copy_that_is_made() -> None:
    points, labels = latents(20_000, 64, 0), np.zeros(20_000, np.int64)
    cosine_predictions(points[:100], labels[:100], points[:10], 5)  # what it imports is no copy
    tracemalloc.start()
    try:
        cosine_predictions(points, labels, points[:10], 5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 2 * points.nbytes
