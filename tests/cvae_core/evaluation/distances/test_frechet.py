from __future__ import annotations

import numpy as np
import pytest
import torch

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.distances.frechet import Statistics, frechet_distance, statistics


@pytest.fixture(scope="module", autouse=True)
def torchvision_imports() -> None:
    """pytorch-fid imports torchvision, which beside a CPU build needs help."""
    from cvae_core.data.vision import torchvision  # noqa: F401


def features(count: int, dims: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Correlated, of scales between 1 and 0.1; other correlations for another seed."""
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dims, dims)) / np.sqrt(dims) * np.linspace(1, 0.1, dims)
    return (rng.normal(size=(count, dims)) @ mixing + shift).astype(np.float32)


def theirs(a: Statistics, b: Statistics) -> float:
    from pytorch_fid import fid_score

    return float(fid_score.calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance))


def test_statistics_are_numpy_s() -> None:
    x = features(5000, 16, 0, shift=100.0)
    found = statistics(x)
    np.testing.assert_allclose(found.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(x.T.astype(np.float64)), rtol=1e-9)
    assert found.count == 5000


def test_the_distance_is_pytorch_fid_s() -> None:
    a, b = statistics(features(500, 64, 0)), statistics(features(400, 64, 1, shift=0.1))
    expected = theirs(a, b)
    assert expected > 1
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_with_fewer_images_than_dimensions() -> None:
    a, b = statistics(features(30, 64, 0)), statistics(features(40, 64, 1, shift=0.1))
    assert frechet_distance(a, b) == pytest.approx(theirs(a, b), rel=1e-4)


def test_with_fewer_images_than_dimensions_it_is_exact() -> None:
    x, y = (features(n, 64, seed).astype(np.float64) for n, seed in ((30, 0), (40, 1)))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    # The trace is also the sum of the singular values of the product of the centred features.
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum() / np.sqrt(29 * 39)
    expected = (x**2).sum() / 29 + (y**2).sum() / 39 - 2 * root
    a, b = statistics(x.astype(np.float32)), statistics(y.astype(np.float32))
    gap = a.mean - b.mean
    assert frechet_distance(a, b) == pytest.approx(expected + gap @ gap, rel=1e-6)


def test_diagonal_covariances_have_a_closed_formula() -> None:
    rng = np.random.default_rng(0)
    means, variances = rng.normal(size=(2, 20)), rng.uniform(0, 3, size=(2, 20))
    variances[:, :5] = 0
    variances[0, 5:8] = 0
    a, b = (Statistics(m, np.diag(v), 1000) for m, v in zip(means, variances, strict=True))
    expected = ((means[0] - means[1]) ** 2).sum()
    expected += ((np.sqrt(variances[0]) - np.sqrt(variances[1])) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("count", [20, 500])
def test_identical_sets_are_at_zero(count: int) -> None:
    x = statistics(features(count, 64, 0))
    assert 0 <= frechet_distance(x, x) < 1e-9 * np.trace(x.covariance)


def test_where_there_are_no_eigenvalues_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """LAPACK may find none, as PyTorch says with an error that is not NumPy's."""

    def failing(_: object) -> None:
        raise torch.linalg.LinAlgError("did not converge")  # type: ignore[attr-defined]

    monkeypatch.setattr("torch.linalg.eigvalsh", failing)
    a = statistics(np.zeros((9, 2), dtype=np.float32))
    with pytest.raises(EvaluationError, match=r"covariances were not found \(did not"):
        frechet_distance(a, a)


def test_constant_features() -> None:
    a, b = statistics(np.zeros((9, 4), np.float32)), statistics(np.ones((7, 4), np.float32))
    assert frechet_distance(a, a) == 0
    assert frechet_distance(a, b) == 4
