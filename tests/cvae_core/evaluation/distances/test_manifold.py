from __future__ import annotations

import numpy as np
import pytest

from cvae_core.evaluation.distances import manifold as module
from cvae_core.evaluation.distances.manifold import manifold


def loop(real: np.ndarray, made: np.ndarray) -> dict[str, float]:
    """By the papers' equations, point by point."""

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sqrt(((a.astype(np.float64) - b.astype(np.float64)) ** 2).sum()))

    def radius(points: np.ndarray, index: int, k: int) -> float:
        others = [apart(points[index], p) for i, p in enumerate(points) if i != index]
        return sorted(others)[k - 1]

    real_3 = [radius(real, i, 3) for i in range(len(real))]
    real_5 = [radius(real, i, 5) for i in range(len(real))]
    made_3 = [radius(made, i, 3) for i in range(len(made))]
    precise = [any(apart(y, x) <= r for x, r in zip(real, real_3, strict=True)) for y in made]
    recalled = [any(apart(x, y) <= r for y, r in zip(made, made_3, strict=True)) for x in real]
    dense = [sum(apart(y, x) <= r for x, r in zip(real, real_5, strict=True)) for y in made]
    covered = [any(apart(x, y) <= r for y in made) for x, r in zip(real, real_5, strict=True)]
    return {
        "precision": sum(precise) / len(made),
        "recall": sum(recalled) / len(real),
        "density": sum(dense) / (5 * len(made)),
        "coverage": sum(covered) / len(real),
    }


@pytest.mark.parametrize("rows", [7, 512])
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.0, 0.4), (0.8, 1.0), (1.0, 2.0)])
def test_it_is_the_one_of_a_loop(
    monkeypatch: pytest.MonkeyPatch, rows: int, shift: float, scale: float
) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    rng = np.random.default_rng(0)
    real = rng.normal(size=(40, 4)).astype(np.float32)
    made = rng.normal(shift, scale, size=(33, 4)).astype(np.float32)
    expected = loop(real, made)
    assert manifold(real, made) == pytest.approx(expected, abs=1e-12)
    assert len(set(expected.values())) > 2


def test_what_each_of_them_sees() -> None:
    """Few modes are precise and dense but recall and cover little; a wide spread the other way."""
    rng = np.random.default_rng(1)
    real = rng.normal(size=(300, 3)).astype(np.float32)
    narrow = manifold(real, (0.1 * rng.normal(size=(300, 3))).astype(np.float32))
    wide = manifold(real, (4 * rng.normal(size=(300, 3))).astype(np.float32))
    assert narrow["precision"] > 0.95 > 0.2 > narrow["recall"]
    assert narrow["density"] > 1 > 0.5 > narrow["coverage"]
    assert wide["precision"] < 0.3 < 0.8 < wide["recall"]
    assert wide["density"] < 0.3


def test_all_samples_alike() -> None:
    real = np.random.default_rng(2).normal(size=(20, 3)).astype(np.float32)
    same = np.zeros((20, 3), np.float32)
    assert manifold(real, same)["recall"] == 0
    assert manifold(same, same) == {"precision": 1, "recall": 1, "density": 4, "coverage": 1}
