from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from cvae_core.errors import EvaluationError
from cvae_core.evaluation.distances.latent_densities import Density, gaussian, mixture


def drawn(density: Density, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return density.sample(rng.random(count), rng.normal(size=(count, density.means.shape[1])))


def test_a_gaussian_has_the_mean_and_the_covariance_of_the_latents() -> None:
    rng = np.random.default_rng(0)
    latents = (rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3)) + [5, 0, -2]).astype(np.float32)
    sampled = drawn(gaussian(latents), 200_000).astype(np.float64)
    centred = latents.astype(np.float64) - latents.mean(axis=0)
    loop = sum(np.outer(row, row) for row in centred) / (len(latents) - 1)
    assert sampled.mean(axis=0) == pytest.approx(latents.mean(axis=0), abs=0.03)
    assert np.cov(sampled, rowvar=False) == pytest.approx(loop, rel=0.03, abs=0.03)


def test_a_mixture_is_scikit_learns_and_its_samples_have_its_density() -> None:
    rng = np.random.default_rng(1)
    centres = 6 * rng.normal(size=(10, 2))
    latents = (centres[rng.integers(0, 10, 2_000)] + rng.normal(size=(2_000, 2))).astype(np.float32)
    density = mixture(latents)
    model = GaussianMixture(10, random_state=0).fit(latents.astype(np.float64))
    assert np.array_equal(density.means, model.means_)
    sampled, theirs = drawn(density, 20_000), model.sample(20_000)[0]
    assert model.score(sampled) == pytest.approx(model.score(theirs), abs=0.03)
    shares = np.bincount(model.predict(sampled), minlength=10) / len(sampled)
    assert shares == pytest.approx(
        np.bincount(model.predict(theirs), minlength=10) / 20_000, abs=0.02
    )


def test_latents_that_do_not_use_a_dimension() -> None:
    latents = np.random.default_rng(2).normal(size=(100, 3)).astype(np.float32)
    latents[:, 1] = 7
    for density in (gaussian(latents), mixture(latents)):
        assert drawn(density, 50)[:, 1] == pytest.approx(7, abs=0.01)
    assert np.isfinite(drawn(mixture(np.zeros((20, 2), np.float32)), 10)).all()


def test_the_last_uniform_number_has_a_component() -> None:
    density = Density(np.array([0.5, 0.5 - 1e-12]), np.array([[0.0], [9.0]]), np.zeros((2, 1, 1)))
    assert density.sample(np.array([0.0, 1.0 - 1e-16]), np.zeros((2, 1)))[:, 0].tolist() == [0, 9]


def test_fewer_latents_than_components() -> None:
    with pytest.raises(EvaluationError, match="a mixture of 10 takes 10"):
        mixture(np.zeros((9, 2), np.float32))
