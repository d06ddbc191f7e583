"""How large an epoch's gradients were, and how often they were clipped."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


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
