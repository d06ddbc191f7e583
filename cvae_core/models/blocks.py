"""What encoder and decoder share: normalisation, residual blocks."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from cvae_core.sizes import group_size

Norm = Literal["none", "batch", "group"]
Blocks = Literal["conv", "residual"]


def norm_layers(norm: Norm, channels: int) -> list[nn.Module]:
    """The normalisation after a convolution with that many channels, or nothing."""
    if norm == "batch":
        return [nn.BatchNorm2d(channels)]
    if norm == "group":
        return [nn.GroupNorm(channels // group_size(channels), channels)]
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
