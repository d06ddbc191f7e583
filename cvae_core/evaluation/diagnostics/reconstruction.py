"""Squared errors of decoded images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data.scaling import to_model_range, to_unit
from cvae_core.evaluation.subject import BATCH, Subject
from cvae_core.models import VAE


def squared_errors(subject: Subject, latents: Tensor, pixels: Tensor) -> Iterator[float]:
    """Squared errors of decoded latents, summed over pixels and images, a batch at a time.

    Args:
        subject: whose decoder it is.
        latents: (N, D).
        pixels: what they should become, uint8 (N, C, H, W).

    Yields:
        Of each batch, in squared units of the model's range.

    Raises:
        EvaluationError: decoded images are not finite.
    """
    for z, batch in zip(latents.split(BATCH), pixels.split(BATCH), strict=True):
        yield _squared_error(subject.decode(z), subject.real(batch))


@torch.no_grad()
def reconstruction_mse(model: VAE, pixels: Tensor, config: TrialConfig) -> float:
    """Mean squared error per pixel of images (uint8, (N, C, H, W)) decoded from latent means."""
    model.eval()
    total = 0.0
    for batch in pixels.split(BATCH):
        images = to_model_range(to_unit(batch, config.data), config.data)
        total += _squared_error(model.decode(model.encode(images)[0]), images)
    return total / pixels.numel()


def _squared_error(decoded: Tensor, images: Tensor) -> float:
    return float((decoded - images).to(torch.float64).square().sum())
