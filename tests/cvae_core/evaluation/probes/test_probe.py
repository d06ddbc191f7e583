from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cvae_core.evaluation.probes.probe import accuracy
from cvae_core.evaluation.probes.protocols import standard


def clusters(count: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Latents around ten centres, and which centre each belongs to."""
    centres = np.random.default_rng(0).normal(size=(10, 10))
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    latents = centres[labels] + spread * random.normal(size=(count, 10))
    return latents.astype(np.float32), labels


def probe_accuracy(
    fit: np.ndarray, fit_labels: np.ndarray, score: np.ndarray, labels: np.ndarray
) -> float:
    return accuracy(standard(fit, fit_labels, score).classes, labels)


@pytest.mark.parametrize("spread", [0.5, 1.0, 3.0])
def test_equals_scikit_learns_logistic_regression(spread: float) -> None:
    fit, score = clusters(400, spread, 1), clusters(200, spread, 2)
    exact = fit[0].astype(np.float64), fit[1]
    reference = LogisticRegression(C=1.0, solver="lbfgs", max_iter=1000).fit(*exact).score(*score)
    assert probe_accuracy(*fit, *score) == reference
    assert 0.1 < reference < 1.0


def test_of_separable_classes_is_perfect_and_of_noise_is_chance() -> None:
    fit, score = clusters(400, 0.01, 1), clusters(200, 0.01, 2)
    assert probe_accuracy(*fit, *score) == 1.0
    unrelated = np.random.default_rng(3).integers(0, 10, 200)
    assert probe_accuracy(*fit, score[0], unrelated) == pytest.approx(0.1, abs=0.08)


def test_latents_are_not_standardised() -> None:
    # With a penalty the scale of the latents matters, and the protocol leaves it as it is.
    (fit, fit_labels), (score, labels) = clusters(400, 1.0, 1), clusters(200, 1.0, 2)
    tiny = np.float32(1e-3)
    assert probe_accuracy(fit * tiny, fit_labels, score * tiny, labels) != probe_accuracy(
        fit, fit_labels, score, labels
    )


def test_a_fit_that_does_not_converge_warns_no_one() -> None:
    fit, labels = clusters(300, 1.0, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe_accuracy(fit * np.float32(1e4) + np.float32(1e5), labels, fit, labels)
