"""Gradient clipping that does not depend on how many parameters take no part."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def clip_grad_norm(gradients: Sequence[Tensor], max_norm: float) -> Tensor:
    """Scale gradients in place to a global L2 norm of at most ``max_norm``.

    The squared norms are added in float64, in the given order. PyTorch's own function takes the
    norm of all norms in one vectorised reduction, whose last bit changes when all-zero tensors
    join in; here they add exact zeros, so a CVAE with λ = 0 is clipped exactly as the VAE is.

    Returns:
        The norm before clipping, float64 scalar.
    """
    squares = torch.stack(torch._foreach_norm(list(gradients))).to(torch.float64).square()
    total = squares.new_zeros(())
    for square in squares.unbind():
        total = total + square
    norm = total.sqrt()
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0).to(gradients[0].dtype)
    torch._foreach_mul_(list(gradients), scale)
    return norm
