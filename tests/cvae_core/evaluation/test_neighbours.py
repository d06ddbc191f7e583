from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from cvae_core.evaluation.neighbours import TREE_DIMENSIONS, nearest

EITHER_WAY = [TREE_DIMENSIONS // 2, TREE_DIMENSIONS + 6]


@pytest.mark.parametrize("dimensions", EITHER_WAY)
def test_nearest_neighbours_are_those_of_a_loop(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(200, dimensions)) * 3 + 1000).astype(np.float32)
    queries = np.concatenate([points[:10], points[10:43] + np.float32(0.5)])
    distances, indices = nearest(points, queries, 4)
    assert (distances.dtype, indices.dtype) == (np.float32, np.int64)
    for row, query in enumerate(queries):
        all_distances = np.linalg.norm(points.astype(float) - query, axis=1)
        expected = np.argsort(all_distances)[:4]
        assert (indices[row] == expected).all()
        np.testing.assert_allclose(distances[row], all_distances[expected], rtol=1e-6)
    assert (indices[:10, 0] == np.arange(10)).all()


@pytest.mark.parametrize("dimensions", EITHER_WAY)
def test_equal_points_come_in_their_order(dimensions: int) -> None:
    points = np.ones((50, dimensions), dtype=np.float32)
    points[30:] = 2
    distances, indices = nearest(points, points[:3], 30)
    assert (indices == np.arange(30)).all()
    assert (distances == 0).all()
    assert nearest(points, points[:3], 1)[1].shape == (3, 1)


@pytest.mark.parametrize("dimensions", EITHER_WAY)
def test_threads_change_nothing(dimensions: int) -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3000, dimensions)).astype(np.float32)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(nearest(points, points[:500] / 2, 15))
    assert all((a == b).all() for a, b in zip(*found, strict=True))
