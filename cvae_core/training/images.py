"""A data set as trials train on it."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from cvae_core.config import DataConfig
from cvae_core.data.dataset import Dataset
from cvae_core.data.mean_image import colour_of, error_of, mean_image
from cvae_core.data.scaling import grey_level, shared, to_unit
from cvae_core.data.splits import split_of


class TrainingImages:
    """Training and validation images on a device: the same for all trials of one ``data``.

    Args:
        data: images in memory.
        config: how they are split and scaled.
        device: where batches are wanted.
    """

    def __init__(self, data: Dataset, config: DataConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.image_shape = data.image_shape
        self.train, self.val = split_of(data, config)
        """Indices, int64, on the CPU."""
        mean = mean_image(data.train.pixels, self.train.numpy())
        self.mean_colour = [share / config.divisor for share in colour_of(mean)]
        """Of the training images, of each channel, in [0, 1]."""
        error = error_of(mean, data.train.pixels, self.val.numpy())
        self.error_of_mean = error * grey_level(config) ** 2
        """Of the mean training image in the place of every validation image, per pixel."""
        self._data = data

    @cached_property
    def _pixels(self) -> Tensor:
        return shared(self._data.train.pixels).to(self.device)

    def batch(self, indices: Tensor) -> Tensor:
        """Images in [0, 1], float32 (B, C, H, W), of indices (B,)."""
        return to_unit(self._pixels.index_select(0, indices.to(self.device)), self.config)
