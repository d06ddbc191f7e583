"""What is measured on test, once, after training."""

from __future__ import annotations

import torch
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data.dataset import Dataset
from cvae_core.data.scaling import shared
from cvae_core.data.splits import split_indices
from cvae_core.evaluation.latents import latent_means
from cvae_core.evaluation.probe import paper_probe_accuracy, probe_accuracy
from cvae_core.evaluation.reconstruction import reconstruction_mse
from cvae_core.models import build_model


def evaluate_probe(
    config: TrialConfig, data: Dataset, weights: dict[str, Tensor]
) -> dict[str, float]:
    """Both linear probes and the reconstruction error of a trained model.

    Returns:
        ``probe/accuracy``: fitted on the training part's latents, scored on test;
        ``probe/accuracy_paper``: 80/20 of the test latents;
        ``test/reconstruction_mse``: per pixel, of decoded latent means, in the data's range.
    """
    model = build_model(config, data.image_shape)
    model.load_state_dict(weights)
    train, _ = split_indices(
        len(data.train), config.data.validation_fraction, config.data.split_seed
    )
    pixels, test = shared(data.train.pixels), shared(data.test.pixels)
    everything = torch.arange(len(test))
    test_latents = latent_means(model, test, everything, config.data)
    return {
        "probe/accuracy": probe_accuracy(
            latent_means(model, pixels, train, config.data),
            data.train.labels[train.numpy()],
            test_latents,
            data.test.labels,
        ),
        "probe/accuracy_paper": paper_probe_accuracy(test_latents, data.test.labels),
        "test/reconstruction_mse": reconstruction_mse(model, test, config),
    }
