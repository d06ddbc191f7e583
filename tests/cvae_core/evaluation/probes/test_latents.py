from __future__ import annotations

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.probes import latents
from cvae_core.evaluation.probes.latents import latent_means
from cvae_core.training.fit import FitResult


def test_are_the_means_of_the_chosen_images_in_their_order(
    config: TrialConfig, small: Dataset, trained: FitResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "BATCH", 16)
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
