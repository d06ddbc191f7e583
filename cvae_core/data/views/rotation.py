"""Rotation about the image's centre."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor


def draw_angles(count: int, largest: float, generator: torch.Generator) -> Tensor:
    """Angles in degrees, uniform in [-largest, largest], float32 (B,)."""
    return (2 * torch.rand(count, generator=generator) - 1) * largest


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
    angle = torch.deg2rad(degrees)
    cos, sin = angle.cos(), angle.sin()
    # Output to input coordinates; the aspect ratio enters because the grid is in [-1, 1].
    zero = torch.zeros_like(cos)
    theta = torch.stack(
        [cos, -sin * height / width, zero, sin * width / height, cos, zero], dim=1
    ).view(-1, 2, 3)
    grid = F.affine_grid(theta, [len(images), 1, height, width], align_corners=False)
    return F.grid_sample(
        images, grid.to(images), mode=interpolation, padding_mode="zeros", align_corners=False
    )
