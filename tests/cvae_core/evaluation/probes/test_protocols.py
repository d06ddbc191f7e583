from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from cvae_core.evaluation.probes import protocols
from cvae_core.evaluation.probes.optimum import AT_OPTIMUM, fitted
from cvae_core.evaluation.probes.protocols import (
    CHOICES,
    SPLITS,
    notebooks,
    over_splits,
    paper_split,
    standard,
    standardised,
)


def clusters(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Latents around ten centres, of dimensions that differ a hundredfold in scale."""
    centres = np.random.default_rng(0).normal(size=(10, 10))
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    latents = (centres[labels] + random.normal(size=(count, 10))) * np.geomspace(0.01, 1, 10)
    return latents.astype(np.float32), labels


def test_the_papers_protocol_splits_80_to_20() -> None:
    fit, score = paper_split(250)
    assert (len(fit), len(score)) == (200, 50)
    assert sorted([*fit, *score]) == list(range(250))
    # Random, not the last fifth; and the same for every trial.
    assert not np.array_equal(score, np.arange(200, 250))
    assert np.array_equal(score, paper_split(250)[1])


@pytest.mark.slow
def test_over_splits_it_is_the_notebooks_calls() -> None:
    latents, labels = clusters(500, 1)
    found = over_splits(latents, labels)

    def accuracy(state: int) -> float:
        split = train_test_split(latents, labels, test_size=0.2, random_state=state)
        fit, score, fit_labels, score_labels = (np.asarray(part, float) for part in split)
        return float(
            LogisticRegression(max_iter=9999, tol=1e-9)
            .fit(fit, fit_labels)
            .score(score, score_labels)
        )

    assert notebooks(latents, labels)[0] == accuracy(42)
    accuracies = [accuracy(state) for state in range(20)]
    assert found.mean == pytest.approx(np.mean(accuracies), abs=2e-3)
    assert found.sd == pytest.approx(np.std(accuracies, ddof=1), rel=0.05)
    assert (SPLITS, found.sd > 0.01) == (20, True)


def test_begun_from_the_first_images_it_ends_at_the_optimum_of_all() -> None:
    (fit, labels), (score, _) = clusters(10_000, 1), clusters(2_000, 2)
    found = standard(fit, labels, score)
    cold = fitted(fit, labels)
    assert max(found.gradient, cold.gradient) < AT_OPTIMUM / 10
    assert (found.classes == cold.predictions(score)).all()


def test_a_split_of_which_one_class_is_fitted_predicts_it() -> None:
    latents = clusters(6, 1)[0]
    found = over_splits(latents, np.array([0, 0, 0, 0, 0, 1]))
    assert 0 < found.mean < 1


def test_standardised_it_is_scikit_learns_pipeline() -> None:
    (fit, labels), (score, _) = clusters(600, 1), clusters(200, 2)
    scaler = StandardScaler().fit(fit.astype(float))
    x, rest = scaler.transform(fit[:480].astype(float)), scaler.transform(fit[480:].astype(float))
    losses = [
        log_loss(
            labels[480:],
            LogisticRegression(C=c, max_iter=9999, tol=1e-9)
            .fit(x, labels[:480])
            .predict_proba(rest),
        )
        for c in CHOICES
    ]
    c = CHOICES[int(np.argmin(losses))]
    found = standardised(fit, labels, score)
    assert found.c == c
    assert CHOICES[0] < c < CHOICES[-1], "a choice that has both sides"
    whole = LogisticRegression(C=c, max_iter=9999, tol=1e-9).fit(
        scaler.transform(fit.astype(float)), labels
    )
    assert np.array_equal(found.classes, whole.predict(scaler.transform(score.astype(float))))


@pytest.mark.parametrize("scale", [1e-3, 10.0])
def test_the_scale_of_latents_matters_to_the_one_and_not_to_the_other(scale: float) -> None:
    (fit, labels), (score, _) = clusters(600, 1), clusters(200, 2)
    scaled = fit * np.float32(scale), labels, score * np.float32(scale)
    assert np.array_equal(standardised(*scaled).classes, standardised(fit, labels, score).classes)
    assert not np.array_equal(standard(*scaled).classes, standard(fit, labels, score).classes)


def test_too_few_images_to_choose_leave_c_at_one() -> None:
    latents, labels = clusters(50, 1)
    assert standardised(latents, (labels == labels[-1]).astype(int), latents).c in CHOICES
    held_out = np.zeros(50, dtype=np.int64)
    held_out[45:] = 1  # the images that fit for the choice are of one class
    assert standardised(latents, held_out, latents).c == 1.0


def test_a_dead_dimension_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    latents, labels = clusters(300, 1)
    latents[:, 2] = 3
    assert np.isfinite(standardised(latents, labels, latents).gradient)
    monkeypatch.setattr(protocols, "CHOSEN_ON", 20)
    assert standardised(latents, labels, latents).c in CHOICES


@pytest.mark.slow
def test_one_copy_in_double_precision_is_made_of_latents() -> None:
    """Pixels are latents as well, of which there are gigabytes."""
    random = np.random.default_rng(0)
    fit = random.normal(size=(20_000, 256)).astype(np.float32)
    labels = (fit[:, 0] + random.normal(size=20_000) > 0).astype(np.int64)
    standardised(fit[:100], labels[:100], fit[:10])  # what it imports is no copy
    tracemalloc.start()
    try:
        standardised(fit, labels, fit[:100])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 3 * fit.nbytes
