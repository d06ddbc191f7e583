"""NT-Xent, the contrastive loss of SimCLR."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def nt_xent(a: Tensor, b: Tensor, tau: float | Tensor) -> Tensor:
    """Normalised temperature-scaled cross entropy between two views of a batch.

    Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations"
    (arXiv:2002.05709), equation 1, as the mean over all 2B anchors: row i of ``a`` and row i of
    ``b`` are each other's positive, all other 2B - 2 rows are negatives.

    Args:
        a: projections of the first view, (B, P); normalised here.
        b: projections of the second view, (B, P); normalised here.
        tau: temperature, above 0; of a tensor this is not checked, which would wait for a device.

    Returns:
        A scalar, in nats.

    Raises:
        ValueError: shapes differ or ``tau`` is not positive.

    Example:
        Two images whose views agree; each anchor tells its positive from two negatives at right
        angles, which leaves log(1 + 2 exp(-1 / tau)).

        >>> projections = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> nt_xent(projections, projections, tau=0.5)
        tensor(0.2395)
    """
    if a.shape != b.shape or a.dim() != 2:
        raise ValueError(f"two (B, P) tensors of one shape are needed, not {a.shape} and {b.shape}")
    if not isinstance(tau, Tensor) and not tau > 0:
        raise ValueError(f"tau must be above 0, not {tau!r}")
    size = a.shape[0]
    z = F.normalize(torch.cat([a, b]), dim=1)
    logits = (z @ z.T) / tau
    logits = logits.masked_fill(torch.eye(2 * size, dtype=torch.bool, device=z.device), -torch.inf)
    positive = torch.arange(2 * size, device=z.device).roll(size)
    return F.cross_entropy(logits, positive)
