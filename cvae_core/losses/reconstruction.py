"""The reconstruction term."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def pixel_mse(reconstruction: Tensor, images: Tensor) -> Tensor:
    """Mean squared error per pixel: the mean over batch, channels and positions.

    Args:
        reconstruction: (B, C, H, W), in the data's range.
        images: (B, C, H, W).

    Returns:
        A scalar, in squared units of the data's range.

    Example:
        >>> import torch
        >>> pixel_mse(torch.full((2, 1, 8, 8), 0.5), torch.zeros(2, 1, 8, 8))
        tensor(0.2500)
    """
    return F.mse_loss(reconstruction, images)
