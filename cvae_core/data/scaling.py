"""From stored pixels to a model's input."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.config import DataConfig


def shared(pixels: NDArray[np.uint8]) -> Tensor:
    """Stored pixels as a tensor of the same memory, which nothing here writes to."""
    with warnings.catch_warnings():
        # Memory that processes share is read-only, and PyTorch warns of that.
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(pixels)


def to_unit(pixels: Tensor, config: DataConfig) -> Tensor:
    """uint8 (B, C, H, W) to float32 in [0, 1]. Views are made in this range."""
    return pixels.to(torch.float32).div_(config.divisor)


def to_model_range(unit: Tensor, config: DataConfig) -> Tensor:
    """[0, 1] to the range that the model reads and writes."""
    return unit if config.value_range == "unit" else unit * 2 - 1


def grey_level(config: DataConfig) -> float:
    """The distance of two neighbouring stored values in the range that the model reads."""
    return (1 if config.value_range == "unit" else 2) / config.divisor


def to_stored(images: Tensor, config: DataConfig) -> Tensor:
    """A model's output (float, its range) as stored pixels: rounded, cut to uint8's range."""
    unit = images if config.value_range == "unit" else (images + 1) / 2
    return (unit * config.divisor).round_().clamp_(0, 255).to(torch.uint8)
