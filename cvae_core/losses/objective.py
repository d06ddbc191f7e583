"""The weighted objective: reconstruction, times its weight, + β KL + λ NT-Xent."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Terms(NamedTuple):
    """The objective and its unweighted terms, scalars; None: a term that the objective lacks."""

    loss: Tensor
    reconstruction: Tensor | None
    kl: Tensor
    contrastive: Tensor | None

    def detach(self) -> Terms:
        """The same numbers without their graph."""
        reconstruction = None if self.reconstruction is None else self.reconstruction.detach()
        contrastive = None if self.contrastive is None else self.contrastive.detach()
        return Terms(self.loss.detach(), reconstruction, self.kl.detach(), contrastive)


# Six parameters: three terms and their weights.
def objective(
    reconstruction: Tensor | None,
    kl: Tensor,
    contrastive: Tensor | None,
    *,
    beta: float | Tensor,
    lambda_: float | Tensor,
    reconstruction_weight: float | Tensor = 1.0,
) -> Terms:
    """Add up the terms.

    Args:
        reconstruction: mean squared error per pixel, scalar; None where the decoder is not trained.
        kl: mean KL divergence per image, in nats, scalar.
        contrastive: NT-Xent, in nats, scalar; None for a VAE.
        beta: weight of the KL divergence.
        lambda_: weight of the contrastive term.
        reconstruction_weight: of the mean squared error.

    Example:
        >>> import torch
        >>> mse, kl, contrastive = torch.tensor([0.02, 10.0, 2.0])
        >>> objective(mse, kl, None, beta=1e-3, lambda_=0.1).loss
        tensor(0.0300)
        >>> objective(mse, kl, contrastive, beta=1e-3, lambda_=0.1).loss
        tensor(0.2300)
    """
    loss = beta * kl
    if reconstruction is not None:
        loss = reconstruction_weight * reconstruction + loss
    if contrastive is not None:
        # With λ = 0 this adds an exact zero to value and gradients: the control that shows the
        # contrastive branch itself changes nothing.
        loss = loss + lambda_ * contrastive
    return Terms(loss, reconstruction, kl, contrastive)
