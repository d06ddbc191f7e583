"""The weighted objective: reconstruction, times its weight, + β KL + λ NT-Xent."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Terms(NamedTuple):
    """The objective and its unweighted terms, scalars; ``contrastive`` is None for a VAE."""

    loss: Tensor
    reconstruction: Tensor
    kl: Tensor
    contrastive: Tensor | None

    def detach(self) -> Terms:
        """The same numbers without their graph."""
        contrastive = None if self.contrastive is None else self.contrastive.detach()
        return Terms(
            self.loss.detach(), self.reconstruction.detach(), self.kl.detach(), contrastive
        )


# Six parameters: three terms, each with its weight.
def objective(
    reconstruction: Tensor,
    kl: Tensor,
    contrastive: Tensor | None,
    *,
    beta: float,
    lambda_: float,
    reconstruction_weight: float = 1.0,
) -> Terms:
    """Add up the terms.

    Args:
        reconstruction: mean squared error per pixel, scalar.
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
    # One times a number is that number, to the last bit.
    loss = reconstruction_weight * reconstruction + beta * kl
    if contrastive is not None:
        # With λ = 0 this adds an exact zero to value and gradients: the control that shows the
        # contrastive branch itself changes nothing.
        loss = loss + lambda_ * contrastive
    return Terms(loss, reconstruction, kl, contrastive)
