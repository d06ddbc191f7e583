"""What encoder and decoder share: the sizes of the feature maps, and normalisation."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from torch import nn

Norm = Literal["none", "batch", "group"]


class Stage(NamedTuple):
    """One convolution of the encoder and its mirror in the decoder."""

    channels_in: int
    channels_out: int
    size_in: int
    size_out: int

    @property
    def kernel(self) -> tuple[int, int, int]:
        """Kernel, stride and padding: 4×4 stride 2 halves a map, 3×3 stride 1 keeps it."""
        return (4, 2, 1) if self.size_out < self.size_in else (3, 1, 1)


def stages(image_channels: int, size: int, channels: tuple[int, ...]) -> list[Stage]:
    """Feature maps of the family: each convolution halves an even map and keeps an odd one.

    MNIST: 28 → 14 → 7 → 7 (32×7×7 = 1568 units). CIFAR-10: 32 → 16 → 8 → 4 → 2 (1024 units).

    Args:
        image_channels: 1 or 3.
        size: height and width of an image, in pixels.
        channels: output channels of each convolution.
    """
    convolutions = []
    for out in channels:
        size_out = size // 2 if size % 2 == 0 else size
        convolutions.append(Stage(image_channels, out, size, size_out))
        image_channels, size = out, size_out
    return convolutions


def norm_layers(norm: Norm, channels: int) -> list[nn.Module]:
    """The normalisation after a convolution with that many channels, or nothing."""
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    if norm == "group":
        return [nn.GroupNorm(math.gcd(8, channels), channels)]
    return []
