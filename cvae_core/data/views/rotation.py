"""Rotation about the image's centre."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def angles_of(uniform: Tensor, largest: float) -> Tensor:
    """Angles in degrees, uniform in [-largest, largest], of numbers in [0, 1), (B,)."""
    return (2 * uniform - 1) * largest


def rotate(
    images: Tensor, degrees: Tensor, interpolation: Literal["bilinear", "nearest"]
) -> Tensor:
    """Rotate each image counter-clockwise about its centre; what comes from outside is 0.

    Args:
        images: float (B, C, H, W).
        degrees: (B,).
        interpolation: how values between pixel centres are found.

    Returns:
        (B, C, H, W).
    """
    height, width = images.shape[-2:]
    angle = torch.deg2rad(degrees)[:, None]
    cos, sin = angle.cos(), angle.sin()
    # Output to input coordinates, which grid_sample wants in [-1, 1]. Both are sums of a part by
    # row and a part by column, a quarter of the work of PyTorch's affine_grid.
    x = 2 * torch.arange(width, device=angle.device) - (width - 1)
    y = 2 * torch.arange(height, device=angle.device) - (height - 1)
    grid = torch.empty(len(images), height, width, 2, device=angle.device)
    grid[..., 0] = (cos * x / width)[:, None, :] - (sin * y / width)[:, :, None]
    grid[..., 1] = (sin * x / height)[:, None, :] + (cos * y / height)[:, :, None]
    return F.grid_sample(
        images, grid.to(images), mode=interpolation, padding_mode="zeros", align_corners=False
    )
