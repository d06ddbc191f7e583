from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from cvae_core.losses import gaussian_kl


def looped(mu: np.ndarray, log_var: np.ndarray) -> list[float]:
    rows = []
    for means, log_variances in zip(mu, log_var, strict=True):
        total = 0.0
        for m, lv in zip(means, log_variances, strict=True):
            total += 0.5 * (math.exp(lv) + m * m - 1.0 - lv)
        rows.append(total)
    return rows


def posterior(size: int, latent_dim: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(size)
    return 1.5 * torch.randn(2, size, latent_dim, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("size", "latent_dim"), [(1, 1), (1, 10), (7, 3), (128, 10), (14, 128)])
def test_equals_a_loop_and_torch_distributions(size: int, latent_dim: int) -> None:
    mu, log_var = posterior(size, latent_dim)
    ours = gaussian_kl(mu, log_var)
    assert ours.shape == (size,)
    np.testing.assert_allclose(ours.numpy(), looped(mu.numpy(), log_var.numpy()), rtol=1e-12)
    q = Normal(mu, (0.5 * log_var).exp())
    reference = kl_divergence(q, Normal(torch.zeros_like(mu), torch.ones_like(mu))).sum(dim=1)
    torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-12)


def test_in_single_precision() -> None:
    mu, log_var = posterior(32, 10)
    single = gaussian_kl(mu.float(), log_var.float())
    torch.testing.assert_close(single.double(), gaussian_kl(mu, log_var), rtol=1e-5, atol=1e-5)


def test_of_the_prior_itself_is_zero() -> None:
    assert torch.equal(gaussian_kl(torch.zeros(4, 10), torch.zeros(4, 10)), torch.zeros(4))
