"""Latent means of many images."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.config import DataConfig
from cvae_core.data.scaling import to_model_range, to_unit
from cvae_core.models import VAE

BATCH = 512


@torch.no_grad()
def latent_means(
    model: VAE, pixels: Tensor, indices: Tensor, config: DataConfig
) -> NDArray[np.float32]:
    """Posterior means, float32 (N, D), of the chosen images of ``pixels`` (uint8, any device).

    The model is put into evaluation mode.
    """
    model.eval()
    parts = []
    for chunk in indices.split(BATCH):
        batch = pixels.index_select(0, chunk.to(pixels.device))
        parts.append(model.encode(to_model_range(to_unit(batch, config), config))[0].cpu())
    means: NDArray[np.float32] = torch.cat(parts).numpy()
    return means
