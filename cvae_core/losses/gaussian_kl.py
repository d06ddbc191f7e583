"""KL divergence of a diagonal Gaussian from the standard normal."""

from __future__ import annotations

from torch import Tensor


def gaussian_kl(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, exp(log_var)) || N(0, I)) of each row, summed over latent dimensions.

    Kingma & Welling, "Auto-Encoding Variational Bayes" (arXiv:1312.6114), appendix B.

    Args:
        mu: means, (B, D).
        log_var: logarithms of the variances, (B, D).

    Returns:
        (B,), in nats.

    Example:
        >>> import torch
        >>> gaussian_kl(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(2, 2))
        tensor([0.5000, 2.0000])
    """
    return -0.5 * (1 + log_var - mu.square() - log_var.exp()).sum(dim=1)
