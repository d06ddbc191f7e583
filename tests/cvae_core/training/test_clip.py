from __future__ import annotations

import numpy as np
import pytest
import torch

from cvae_core.training.clip import clip_grad_norm


def gradients(seed: int) -> list[torch.Tensor]:
    """Between one and twelve tensors of random shapes and scales."""
    generator = torch.Generator().manual_seed(seed)

    def below(limit: int) -> int:
        return int(torch.randint(1, limit + 1, (), generator=generator))

    return [
        10.0 ** (below(5) - 4) * torch.randn(below(70), below(70), generator=generator)
        for _ in range(below(12))
    ]


def copies(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in tensors]


@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 1e6])
def test_equals_numpy_in_double_precision(max_norm: float) -> None:
    for seed in range(30):
        before = gradients(seed)
        doubles = [g.numpy().astype(np.float64) for g in before]
        norm = np.sqrt(sum((g**2).sum() for g in doubles))
        scale = min(1.0, max_norm / norm)
        clipped = copies(before)
        assert clip_grad_norm(clipped, max_norm).item() == pytest.approx(norm, rel=1e-6)
        for result, original in zip(clipped, doubles, strict=True):
            # 1e-6 is added to the norm before dividing, as PyTorch does.
            np.testing.assert_allclose(result.numpy(), original * scale, rtol=2e-5)
        after = np.sqrt(sum((g.numpy().astype(np.float64) ** 2).sum() for g in clipped))
        assert after <= max_norm * (1 + 1e-6)


def test_zero_gradients_that_join_in_change_no_bit() -> None:
    for seed in range(200):
        before = gradients(seed)
        zeros = [torch.zeros_like(g) for g in gradients(1000 + seed)]
        alone, joined = copies(before), copies(before)
        norm = clip_grad_norm(alone, 1e-2)
        joined_norm = clip_grad_norm([*joined, *zeros], 1e-2)
        assert torch.equal(norm, joined_norm)
        assert all(torch.equal(a, b) for a, b in zip(alone, joined, strict=True))
        assert not any(z.any() for z in zeros)


def test_below_the_limit_gradients_keep_every_bit() -> None:
    for seed in range(50):
        before = gradients(seed)
        after = copies(before)
        norm = clip_grad_norm(after, 1e9)
        assert norm < 1e9
        assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))


def test_all_zero_gradients_stay_zero() -> None:
    zeros = [torch.zeros(3, 3), torch.zeros(2)]
    assert clip_grad_norm(zeros, 1.0) == 0
    assert not any(z.any() for z in zeros)
