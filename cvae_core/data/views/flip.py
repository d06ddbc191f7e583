"""Horizontal flip."""

from __future__ import annotations

from torch import Tensor

from cvae_core.data.views.chosen import on_chosen


def flip(images: Tensor, chosen: Tensor) -> Tensor:
    """Swap left and right in the chosen images.

    Args:
        images: (B, C, H, W).
        chosen: int64 (N,), each image at most once.

    Returns:
        (B, C, H, W).
    """
    return on_chosen(images, chosen, lambda some: some.flip(-1))
