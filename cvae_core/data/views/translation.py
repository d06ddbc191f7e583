"""Translation by whole pixels."""

from __future__ import annotations

import torch
from torch import Tensor


def shifts_of(uniform: Tensor, size: tuple[int, int], largest: float) -> Tensor:
    """Shifts in pixels, int64 (B, 2): right and down, at most ``largest`` of the side.

    Distributed as those of torchvision's ``RandomAffine``: uniform, then rounded.

    Args:
        uniform: numbers in [0, 1), (B, 2).
        size: height and width of an image.
        largest: share of the side.
    """
    height, width = size
    limits = torch.tensor([width * largest, height * largest])
    return ((2 * uniform - 1) * limits).round().long()


def translate(images: Tensor, shifts: Tensor) -> Tensor:
    """Move each image right and down by whole pixels; what comes in from outside is 0.

    Args:
        images: (B, C, H, W).
        shifts: int64 (B, 2): right, down, in pixels.

    Returns:
        (B, C, H, W).
    """
    height, width = images.shape[-2:]
    rows = _selection(shifts[:, 1], height).to(images)
    columns = _selection(shifts[:, 0], width).to(images)
    return rows[:, None] @ images @ columns[:, None].transpose(-1, -2)


def _selection(shift: Tensor, size: int) -> Tensor:
    """Matrices (B, size, size) with a one where output position (row) takes input (column)."""
    position = torch.arange(size, device=shift.device)
    return (position[:, None] - position[None, :] == shift[:, None, None]).to(torch.float32)
