"""Gradients: how large they are, clipped, and how often that was so in an epoch."""

from __future__ import annotations

import math
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


def gradient_metrics(norms: Sequence[Tensor], max_norm: float | None) -> dict[str, float]:
    """``train/grad_norm`` and ``train/clipped`` of an epoch, read from the device here alone.

    A norm that is not finite (gradients that overflow although the loss does not) has no mean.

    Args:
        norms: the global norm before clipping of every step, float64 scalars; at least one.
        max_norm: that gradients were clipped to; None: they were not.
    """
    found = torch.stack(list(norms)).cpu()
    clipped = 0.0 if max_norm is None else float((found > max_norm).to(found.dtype).mean())
    mean = float(found.mean())
    known = {"train/grad_norm": mean} if math.isfinite(mean) else {}
    return known | {"train/clipped": clipped}
