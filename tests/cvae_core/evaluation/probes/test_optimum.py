"""At the optimum at every scale of the latents, by the gradient written out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cvae_core.evaluation.probes import optimum, wide
from cvae_core.evaluation.probes.classifiers import classifiers
from cvae_core.evaluation.probes.declaration import ProbeConfig
from cvae_core.evaluation.probes.optimum import AT_OPTIMUM, Fitted, fitted
from tests.cvae_core.evaluation.probes.latents import badly_scaled


def largest_gradient(probe: Fitted, latents: np.ndarray, labels: np.ndarray) -> float:
    """Of the mean loss, penalty included, by latents of unit variance; classes from 0."""
    x = latents - latents.mean(axis=0, dtype=np.float64)
    logits = x @ probe.model.coef_.T + probe.model.intercept_
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    wrong = (shares - np.eye(logits.shape[1])[labels])[:, -len(probe.model.coef_) :]
    slopes = (wrong.T @ x + probe.model.coef_ / probe.model.C) / x.std(axis=0)
    return float(max(np.abs(slopes).max(), np.abs(wrong.sum(axis=0)).max()) / len(x))


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.1, 10.0])
@pytest.mark.parametrize("size", [10, 60])
def test_the_optimum_is_found_at_any_scale(scale: float, size: int) -> None:
    """Few coefficients are Newton's from the start, more of them where lbfgs ends too early."""
    latents, labels = badly_scaled(1000, size)
    probe = fitted(latents * np.float32(scale), labels)
    gradient = largest_gradient(probe, latents * np.float32(scale), labels)
    assert gradient == pytest.approx(probe.gradient, rel=1e-3, abs=1e-9)
    assert gradient <= AT_OPTIMUM


@pytest.mark.slow
@pytest.mark.parametrize("classes", [10, 2])
def test_of_as_many_coefficients_as_pixels_have_it_is_the_same(
    classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents, labels = badly_scaled(3000, 60, classes=classes)
    newtons = fitted(latents, labels, c=0.1)
    monkeypatch.setattr(optimum, "NEWTON_FIRST", 0)
    monkeypatch.setattr(optimum, "NEWTON_LAST", 0)
    monkeypatch.setattr(optimum, "WIDE_TOLERANCE", 0)
    afresh = fitted(latents, labels, c=0.1)
    gradient = largest_gradient(afresh, latents, labels)
    assert gradient == pytest.approx(afresh.gradient, rel=1e-3, abs=1e-9)
    spread = latents.std(axis=0)
    np.testing.assert_allclose(
        afresh.model.coef_ * spread, newtons.model.coef_ * spread, rtol=1e-3, atol=1e-3
    )
    assert (afresh.predictions(latents) == newtons.predictions(latents)).mean() > 0.999
    assert afresh.log_loss(latents, labels) == pytest.approx(
        newtons.log_loss(latents, labels), abs=1e-6
    )
    warm = fitted(latents, labels, c=0.1, start=newtons)
    assert warm.model.n_iter_[0] < afresh.model.n_iter_[0] / 4


@pytest.mark.parametrize("classes", [10, 2])
def test_so_it_is_where_images_are_fewer_than_coefficients(
    classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The classes can be told apart without error, and the loss is nearly flat."""
    monkeypatch.setattr(optimum, "NEWTON_LAST", 0)
    monkeypatch.setattr(optimum, "NEWTON_FIRST", 0)
    latents, labels = badly_scaled(50, 60, classes=classes)
    probe = None
    for c in (0.01, 1.0, 1e4, 1e8):
        probe = fitted(latents, labels, c=c, start=probe)
        assert largest_gradient(probe, latents, labels) <= AT_OPTIMUM
    assert (probe.predictions(latents) == labels).all()


def test_of_many_coefficients_more_rounds_and_a_sharper_eye_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of dimensions that say nothing, and where what it stops by says little."""
    monkeypatch.setattr(wide, "STEPS", 5)
    latents, labels = badly_scaled(400, 205)  # 2,050 coefficients
    latents[:, 3] = 7
    latents[:, 4] = latents[:, 5]
    probes = [fitted(latents * np.float32(factor), labels) for factor in (1e-4, 1.0, 1e3)]
    assert max(probe.gradient for probe in probes) <= AT_OPTIMUM
    assert probes[-1].model.n_iter_[0] > 5
    monkeypatch.setattr(optimum, "WIDE_TOLERANCE", 1e-2)
    assert fitted(latents, labels).gradient <= AT_OPTIMUM
    monkeypatch.setattr(optimum, "WIDE_TRIES", 1)
    assert fitted(latents, labels).gradient > AT_OPTIMUM


def test_an_image_that_is_certainly_wrong_costs_what_its_score_says() -> None:
    """Of two classes, scikit-learn's own log is -inf there for one of them."""
    model = LogisticRegression()
    model.coef_, model.intercept_ = np.array([[1.0]]), np.zeros(1)
    model.classes_ = np.array([0, 1])
    probe = Fitted(model, np.zeros(1), None, 0.0)
    for label, score in ((0, 40.0), (1, -40.0), (0, 800.0)):
        found = probe.log_loss(np.array([[score]]), np.array([label]))
        assert found == pytest.approx(abs(score))


def test_of_more_dimensions_than_their_square_fits_scikit_learn_finds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    latents, labels = badly_scaled(300, 210)
    here = fitted(latents, labels)
    monkeypatch.setattr(optimum, "MOST_DIMENSIONS", 209)
    there = fitted(latents, labels)
    assert there.gradient <= AT_OPTIMUM
    assert (there.model.coef_ != here.model.coef_).any()
    assert there.log_loss(latents, labels) == pytest.approx(
        here.log_loss(latents, labels), abs=1e-4
    )


@pytest.mark.slow
def test_one_that_is_missed_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    latents, labels = badly_scaled(1000, 60, spread=1e4)
    assert fitted(latents, labels).gradient <= AT_OPTIMUM
    monkeypatch.setattr(optimum, "NEWTON_LAST", 0)
    monkeypatch.setattr(wide, "ROUNDS", 1)
    monkeypatch.setattr(wide, "STEPS", 1)
    standard, *_ = classifiers(
        ProbeConfig(protocols=("standard",)), "mean", (latents, labels), (latents, labels)
    )
    (warning,) = standard().warnings
    assert warning.startswith("probe/accuracy: the logistic regression ended short of its optimum")


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_of_two_classes_too(scale: float) -> None:
    latents, labels = badly_scaled(400, 10, classes=2)
    probe = fitted(latents * np.float32(scale), labels)
    gradient = largest_gradient(probe, latents * np.float32(scale), labels)
    assert gradient == pytest.approx(probe.gradient, rel=1e-3, abs=1e-9)
    assert gradient <= AT_OPTIMUM


def test_where_it_begins_changes_nothing() -> None:
    latents, labels = badly_scaled(1000, 10)
    other = fitted(latents[:500], labels[:500], c=100)
    afresh, warm = fitted(latents, labels), fitted(latents, labels, start=other)
    assert warm.model.n_iter_[0] < afresh.model.n_iter_[0]
    np.testing.assert_allclose(warm.model.coef_, afresh.model.coef_, rtol=1e-3, atol=1e-4)
    fewer = fitted(latents, np.minimum(labels, 8), start=other)  # of other classes
    assert len(fewer.model.classes_) == 9


def test_latents_that_say_nothing_are_no_trouble() -> None:
    """Dimensions that are constant, all of them or one."""
    latents, labels = badly_scaled(300, 10)
    latents[:, 3] = 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fitted(latents, labels).gradient <= AT_OPTIMUM
        assert fitted(np.ones_like(latents), labels).gradient <= AT_OPTIMUM
