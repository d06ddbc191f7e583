from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images, split_indices
from cvae_core.errors import AbsentError
from cvae_core.evaluation.probes import optimum, validation, wide
from cvae_core.evaluation.probes.protocols import Predicted, standard
from cvae_core.evaluation.probes.validation import latent_means, validation_judge
from cvae_core.training.fit import FitResult
from tests.cvae_core.evaluation.probes.latents import badly_scaled


def test_latents_are_the_means_of_the_chosen_images_in_their_order(
    config: TrialConfig, small: Dataset, trained: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "BATCH", 16)
    chosen = torch.tensor([7, 3, 299, 3, *range(40)])
    pixels = torch.from_numpy(small.train.pixels)
    ours = latent_means(trained.model, pixels, chosen, config.data)
    assert ours.shape == (44, 10)
    assert ours.dtype == np.float32
    for row, index in zip(ours, chosen, strict=True):
        image = pixels[index : index + 1].float() / 255
        with torch.no_grad():
            mu, _ = trained.model.encode(image)
        np.testing.assert_allclose(row, mu[0].numpy(), rtol=1e-4, atol=1e-5)


def test_batch_norm_is_not_left_training(small: Dataset) -> None:
    from cvae_core.models import build_model

    config = TrialConfig.from_settings({"architecture": {"norm": "batch"}})
    model = build_model(config, small.image_shape).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    pixels = torch.from_numpy(small.test.pixels)
    together = latent_means(model, pixels, torch.arange(20), config.data)
    alone = latent_means(model, pixels, torch.tensor([4]), config.data)
    np.testing.assert_allclose(together[4:5], alone, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_it_is_fitted_on_train_and_scored_on_validation(
    config: TrialConfig, small: Dataset, trained: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Any, ...]] = []

    def noted(*arguments: Any) -> Predicted:
        calls.append(arguments)
        return standard(*arguments)

    monkeypatch.setattr(validation, "standard", noted)
    monkeypatch.setattr(validation, "VALIDATION_FIT", 150)
    metrics = validation_judge(config, small)(trained.model)
    ((fit, fit_labels, score),) = calls
    pixels = torch.from_numpy(small.train.pixels)
    train, val = split_indices(300, 0.1, 0)
    assert np.array_equal(fit, latent_means(trained.model, pixels, train[:150], config.data))
    assert np.array_equal(fit_labels, small.train.labels[train[:150].numpy()])
    assert np.array_equal(score, latent_means(trained.model, pixels, val, config.data))
    found = standard(fit, fit_labels, score).classes == small.train.labels[val.numpy()]
    assert metrics == {"val/probe_accuracy": found.mean()}


def test_few_images_are_enough_on_large_data_sets() -> None:
    assert validation.VALIDATION_FIT == 10_000


@pytest.mark.slow
def test_one_short_of_its_optimum_is_told_of(
    config: TrialConfig, trained: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents, labels = badly_scaled(1000, 60, spread=1e4)
    images = Images(np.zeros((1000, 1, 8, 8), np.uint8), labels)
    data = Dataset("digits", images, images, tuple("0123456789"))
    monkeypatch.setattr(validation, "latent_means", lambda *asked: latents[asked[2].numpy()])
    told: list[str] = []
    judge = validation_judge(config, data, told.append)
    assert judge(trained.model)["val/probe_accuracy"] > 0.1
    assert told == []
    monkeypatch.setattr(optimum, "NEWTON_LAST", 0)
    monkeypatch.setattr(wide, "ROUNDS", 1)
    monkeypatch.setattr(wide, "STEPS", 1)
    assert judge(trained.model)["val/probe_accuracy"] > 0.1
    (text,) = told
    assert text.startswith("val/probe_accuracy: the logistic regression ended short of its optimum")
    assert validation_judge(config, data)(trained.model)  # nobody need listen


def test_one_class_is_nothing_to_classify(config: TrialConfig, small: Dataset) -> None:
    one = Images(small.train.pixels, np.zeros_like(small.train.labels))
    with pytest.raises(AbsentError, match="all of one class"):
        validation_judge(config, dataclasses.replace(small, train=one))
