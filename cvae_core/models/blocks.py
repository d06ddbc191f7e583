"""What encoder and decoder share: sizes of the feature maps, normalisation, residual blocks."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

Norm = Literal["none", "batch", "group"]
Blocks = Literal["conv", "residual"]


class Stage(NamedTuple):
    """One convolution of the encoder and its mirror in the decoder."""

    channels_in: int
    channels_out: int
    size_in: int
    size_out: int
    kernel: int
    """Side of the kernel."""

    @property
    def window(self) -> tuple[int, int, int]:
        """Kernel, stride and padding: stride 2 halves a map, stride 1 keeps it."""
        halves = self.size_out < self.size_in
        return self.kernel, 2 if halves else 1, (self.kernel - 1) // 2

    @property
    def output_padding(self) -> int:
        """Of the transposed convolution: an odd kernel of stride 2 leaves out a row and column."""
        return self.kernel % 2 if self.size_out < self.size_in else 0


def stages(
    image_channels: int, size: int, channels: tuple[int, ...], kernel: int = 4
) -> list[Stage]:
    """Feature maps of the family: each convolution halves an even map and keeps an odd one.

    MNIST: 28 → 14 → 7 → 7 (32×7×7 = 1568 units). CIFAR-10: 32 → 16 → 8 → 4 → 2 (1024 units).

    Args:
        image_channels: 1 or 3.
        size: height and width of an image, in pixels.
        channels: output channels of each convolution.
        kernel: side of the kernels. Only an odd one keeps a map: an even one is one smaller there.
    """
    convolutions = []
    for out in channels:
        size_out = size // 2 if size % 2 == 0 else size
        side = kernel if size_out < size or kernel % 2 else kernel - 1
        convolutions.append(Stage(image_channels, out, size, size_out, side))
        image_channels, size = out, size_out
    return convolutions


def norm_layers(norm: Norm, channels: int) -> list[nn.Module]:
    """The normalisation after a convolution with that many channels, or nothing."""
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    if norm == "group":
        return [nn.GroupNorm(math.gcd(8, channels), channels)]
    return []


class ResidualBlock(nn.Module):
    """Maps plus what two 3×3 convolutions make of them, through a ReLU: (B, C, H, W) to the same.

    The basic block of He et al., "Deep Residual Learning for Image Recognition"
    (arXiv:1512.03385), figure 2, with the normalisation that is set.
    """

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            *norm_layers(norm, channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            *norm_layers(norm, channels),
        )

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu(maps + self.residual(maps))


def block_layers(blocks: Blocks, norm: Norm, channels: int) -> list[nn.Module]:
    """What works on a stage's maps of that many channels besides its convolution, or nothing."""
    return [ResidualBlock(channels, norm)] if blocks == "residual" else []
