"""Colours turned into greys."""

from __future__ import annotations

from torch import Tensor

from cvae_core.data.views.chosen import on_chosen

RED, GREEN, BLUE = 0.2989, 0.587, 0.114
"""Weights of ITU-R BT.601's luma, rounded as in torchvision."""


def luma(images: Tensor) -> Tensor:
    """Brightness of each pixel as the eye weighs colours: (B, 3, H, W) to (B, 1, H, W)."""
    red, green, blue = images.split(1, dim=1)
    weighted: Tensor = red * RED
    return weighted.add_(green, alpha=GREEN).add_(blue, alpha=BLUE)


def grayscale(images: Tensor, chosen: Tensor) -> Tensor:
    """Replace all three channels of the chosen images by their luma.

    Args:
        images: float (B, 3, H, W), RGB.
        chosen: int64 (N,), each image at most once.

    Returns:
        (B, 3, H, W).
    """
    return on_chosen(images, chosen, lambda some: luma(some).expand_as(some))
