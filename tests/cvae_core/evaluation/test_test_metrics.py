from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images, split_indices
from cvae_core.evaluation import reconstruction
from cvae_core.evaluation.latents import latent_means
from cvae_core.evaluation.probe import paper_probe_accuracy, probe_accuracy
from cvae_core.evaluation.reconstruction import reconstruction_mse
from cvae_core.evaluation.test_metrics import evaluate_probe
from cvae_core.models import build_model
from cvae_core.training.fit import FitResult


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
def test_reconstruction_equals_a_loop_over_images(
    small: Dataset, value_range: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrialConfig.from_settings({"data": {"value_range": value_range}})
    model = build_model(config, small.image_shape)
    monkeypatch.setattr(reconstruction, "BATCH", 16)  # the last of 60 is ragged
    ours = reconstruction_mse(model, torch.from_numpy(small.test.pixels), config)

    total = 0.0
    for pixels in small.test.pixels:
        image = pixels.astype(np.float64) / 255
        if value_range == "symmetric":
            image = 2 * image - 1
        with torch.no_grad():
            mu, _ = model.encode(torch.from_numpy(image)[None].float())
            decoded = model.decode(mu)[0].numpy().astype(np.float64)
        total += ((decoded - image) ** 2).mean()
    assert ours == pytest.approx(total / 60, rel=1e-5)


def test_the_probes_are_those_of_the_two_protocols(
    config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    weights = trained.checkpoint.selected_weights
    metrics = evaluate_probe(config, small, weights)
    train, _ = split_indices(300, 0.1, 0)
    train_latents = latent_means(
        trained.model, torch.from_numpy(small.train.pixels), train, config.data
    )
    test_latents = latent_means(
        trained.model, torch.from_numpy(small.test.pixels), torch.arange(60), config.data
    )
    assert metrics == {
        "probe/accuracy": probe_accuracy(
            train_latents,
            small.train.labels[train.numpy()],
            test_latents,
            small.test.labels,
        ),
        "probe/accuracy_paper": paper_probe_accuracy(test_latents, small.test.labels),
        "test/reconstruction_mse": reconstruction_mse(
            trained.model, torch.from_numpy(small.test.pixels), config
        ),
    }
    assert metrics["probe/accuracy"] > 0.2


def test_validation_images_play_no_part(
    config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    _, val = split_indices(300, 0.1, 0)
    pixels, labels = small.train.pixels.copy(), small.train.labels.copy()
    pixels[val.numpy()] = 255 - pixels[val.numpy()]
    labels[val.numpy()] = 9 - labels[val.numpy()]
    other = dataclasses.replace(small, train=Images(pixels, labels))
    weights = trained.checkpoint.selected_weights
    assert evaluate_probe(config, other, weights) == evaluate_probe(config, small, weights)


def test_the_given_weights_are_judged(
    config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    start = build_model(config, small.image_shape).state_dict()
    first, last = (
        evaluate_probe(config, small, weights)["test/reconstruction_mse"]
        for weights in (start, trained.checkpoint.selected_weights)
    )
    assert last < first
