"""Gradient clipping that does not depend on how many parameters take no part."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def global_norm(gradients: Sequence[Tensor]) -> Tensor:
    """The L2 norm of all gradients together, a float64 scalar.

    The squared norms are added in float64, in the given order. PyTorch's own function takes the
    norm of all norms in one vectorised reduction, whose last bit changes when all-zero tensors
    join in; here they add exact zeros, so a CVAE with λ = 0 is clipped exactly as the VAE is.
    """
    squares = torch.stack(torch._foreach_norm(list(gradients))).to(torch.float64).square()
    total = squares.new_zeros(())
    for square in squares.unbind():
        total = total + square
    return total.sqrt()


def clip_grad_norm(gradients: Sequence[Tensor], max_norm: float) -> Tensor:
    """Scale gradients in place to a global L2 norm of at most ``max_norm``.

    Returns:
        The norm before clipping, float64 scalar.
    """
    norm = global_norm(gradients)
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0).to(gradients[0].dtype)
    torch._foreach_mul_(list(gradients), scale)
    return norm
