from __future__ import annotations

import numpy as np
import pytest

from cvae_core.evaluation.distances import kernel_distance
from cvae_core.evaluation.distances.kernel_distance import kid, mean_within, within


def loop(x: np.ndarray, y: np.ndarray) -> float:
    """The unbiased estimator, pair by pair."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def within(z: np.ndarray) -> float:
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if i != j]
        return sum(kernel(z[i], z[j]) for i, j in pairs) / len(pairs)

    between = sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))
    return within(x) + within(y) - 2 * between


@pytest.mark.parametrize("block", [7, 512])
def test_it_is_the_one_of_a_loop(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(kernel_distance, "BLOCK", block)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 6)).astype(np.float32)
    y = rng.normal(0.5, 1.5, size=(22, 6)).astype(np.float32)
    expected = loop(x, y)
    assert expected > 0.1
    assert kid(x, y) == pytest.approx(expected, rel=1e-6)
    assert kid(x, y, within_y=mean_within(y)) == kid(x, y)
    assert kid(y, x) == pytest.approx(expected, rel=1e-6)


def test_near_zero_it_is_the_one_of_float64() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.gamma(0.5, 0.7, size=(2, 1500, 256)).astype(np.float32)
    kernels = [(a.astype(float) @ b.T.astype(float) / 256 + 1) ** 3 for a, b in ((x, x), (y, y))]
    within = sum((k.sum() - np.trace(k)) / (1500 * 1499) for k in kernels)
    expected = within - 2 * ((x.astype(float) @ y.T.astype(float) / 256 + 1) ** 3).mean()
    assert abs(expected) < 1e-3
    assert kid(x, y) == pytest.approx(expected, rel=0, abs=1e-8)


def test_it_is_unbiased() -> None:
    """The mean over draws of one distribution is zero, and some are below it."""
    rng = np.random.default_rng(1)
    draws = [kid(*rng.normal(size=(2, 20, 4)).astype(np.float32)) for _ in range(400)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(len(draws))
    assert min(draws) < 0 < max(draws)


def test_equal_constants_are_at_zero() -> None:
    x = np.full((5, 3), 2, np.float32)
    assert kid(x, x) == pytest.approx(0, abs=1e-9)


def loop_error(x: np.ndarray, y: np.ndarray) -> float:
    """The first-order standard error, image by image."""

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(a.astype(float) @ b.astype(float) / len(a) + 1) ** 3

    def influences(own: np.ndarray, other: np.ndarray) -> list[float]:
        return [
            np.mean([kernel(own[i], own[j]) for j in range(len(own)) if j != i])
            - np.mean([kernel(own[i], b) for b in other])
            for i in range(len(own))
        ]

    variances = [4 * np.var(influences(a, b), ddof=1) / len(a) for a, b in ((x, y), (y, x))]
    return float(np.sqrt(sum(variances)))


@pytest.mark.parametrize("block", [7, 512])
def test_its_error_is_the_one_of_a_loop(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(kernel_distance, "BLOCK", block)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 6)).astype(np.float32)
    y = rng.normal(0.5, 1.5, size=(22, 6)).astype(np.float32)
    found = kernel_distance.kernel_distance(x, y, within(y))
    assert found.value == kid(x, y)
    assert within(y).mean == mean_within(y)
    assert found.standard_error == pytest.approx(loop_error(x, y), rel=1e-4)


def test_its_error_is_how_far_draws_lie_apart() -> None:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(300):
        x = rng.normal(size=(60, 5)).astype(np.float32)
        y = rng.normal(0.6, 1.2, size=(80, 5)).astype(np.float32)
        found.append(kernel_distance.kernel_distance(x, y, within(y)))
    spread = np.std([each.value for each in found])
    assert np.mean([each.standard_error for each in found]) == pytest.approx(spread, rel=0.15)
