from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, split_indices
from cvae_core.evaluation.probes import probe
from cvae_core.evaluation.probes.latents import latent_means
from cvae_core.evaluation.probes.probe import paper_probe_accuracy, probe_accuracy, validation_probe
from cvae_core.training.fit import FitResult

Calls = list[tuple[Any, ...]]


def clusters(count: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Latents around ten centres, and which centre each belongs to."""
    centres = np.random.default_rng(0).normal(size=(10, 10))
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count)
    latents = centres[labels] + spread * random.normal(size=(count, 10))
    return latents.astype(np.float32), labels


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What the real ``probe_accuracy`` is called with."""
    seen: Calls = []

    def noted(*arguments: Any) -> float:
        seen.append(arguments)
        return probe_accuracy(*arguments)

    monkeypatch.setattr(probe, "probe_accuracy", noted)
    return seen


@pytest.mark.parametrize("spread", [0.5, 1.0, 3.0])
def test_equals_scikit_learns_logistic_regression(spread: float) -> None:
    fit, score = clusters(400, spread, 1), clusters(200, spread, 2)
    exact = fit[0].astype(np.float64), fit[1]
    reference = LogisticRegression(C=1.0, solver="lbfgs", max_iter=1000).fit(*exact).score(*score)
    assert probe_accuracy(*fit, *score) == reference
    assert 0.1 < reference < 1.0


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("newton_size", [0, 320])
def test_the_optimum_is_found_at_any_scale_by_either_solver(
    scale: float, newton_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked by the gradient of the penalised loss, written out."""
    monkeypatch.setattr(probe, "NEWTON_SIZE", newton_size)
    latents, labels = clusters(400, 1.0, 1)
    latents *= np.float32(scale)
    seen: list[LogisticRegression] = []
    fitted = LogisticRegression.fit

    def fit(self: LogisticRegression, *arguments: Any) -> LogisticRegression:
        seen.append(self)
        return fitted(self, *arguments)

    monkeypatch.setattr(LogisticRegression, "fit", fit)
    probe.probe_predictions(latents, labels, latents[:1])
    (model,) = seen
    latents = latents - latents.mean(axis=0, dtype=np.float64)
    logits = latents @ model.coef_.T + model.intercept_
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    wrong = shares - np.eye(10)[labels]
    gradient = wrong.T @ latents + model.coef_
    # lbfgs also stops where the loss decreases no more.
    limit = 2e-6 if newton_size else 1e-4
    assert np.abs(gradient / len(latents)).max() < limit * max(scale, 1.0)


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


def test_the_papers_protocol_splits_80_to_20(calls: Calls) -> None:
    latents, labels = clusters(250, 1.0, 1)
    accuracy = paper_probe_accuracy(latents, labels)
    ((fit, fit_labels, score, score_labels),) = calls
    assert (len(fit), len(score)) == (200, 50)
    rows = {row.tobytes(): label for row, label in zip(latents, labels, strict=True)}
    pairs = [*zip(fit, fit_labels, strict=True), *zip(score, score_labels, strict=True)]
    assert {row.tobytes(): label for row, label in pairs} == rows
    # Random, not the last fifth; and the same for every trial.
    assert not np.array_equal(score, latents[200:])
    assert paper_probe_accuracy(latents, labels) == accuracy
    assert np.array_equal(calls[1][2], score)


def test_the_validation_probe_fits_on_train_and_scores_on_validation(
    config: TrialConfig,
    small: Dataset,
    trained: FitResult,
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pixels = torch.from_numpy(small.train.pixels)
    labels = torch.from_numpy(small.train.labels)
    train, val = split_indices(300, 0.1, 0)

    def means(indices: torch.Tensor) -> np.ndarray:
        return latent_means(trained.model, pixels, indices, config.data)

    monkeypatch.setattr(probe, "VALIDATION_FIT", 150)
    accuracy = validation_probe(trained.model, pixels, labels, train, val, config.data)
    ((fit, fit_labels, score, score_labels),) = calls
    assert np.array_equal(fit, means(train[:150]))
    assert np.array_equal(fit_labels, small.train.labels[train[:150].numpy()])
    assert np.array_equal(score, means(val))
    assert np.array_equal(score_labels, small.train.labels[val.numpy()])
    assert accuracy == probe_accuracy(fit, fit_labels, score, score_labels)


def test_the_validation_probe_needs_few_images_on_large_data_sets() -> None:
    assert probe.VALIDATION_FIT == 10_000
