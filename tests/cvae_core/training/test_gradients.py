from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.gradients import clip_grad_norm, gradient_metrics
from cvae_core.training.training import Training

Configure = Callable[..., TrialConfig]


@pytest.mark.parametrize("clip_norm", [None, 0.15, 1e-3])
def test_an_epoch_says_how_large_its_gradients_were(
    configure: Configure, small: Dataset, clip_norm: float | None
) -> None:
    """Against PyTorch's own norm of the gradients that each step's loss has, step by step."""
    config = configure(model="cvae", epochs=1, clip_norm=clip_norm)
    training = Training(config, small)
    norms: list[float] = []
    backward = torch.Tensor.backward

    def noted(loss: torch.Tensor) -> None:
        backward(loss)
        gradients = [p.grad for p in training.model.parameters() if p.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "backward", noted)
        metrics = training.run_epoch()["metrics"]
    assert len(norms) == 5
    assert metrics["train/grad_norm"] == pytest.approx(np.mean(norms), rel=1e-5)
    over = [clip_norm is not None and norm > clip_norm for norm in norms]
    assert metrics["train/clipped"] == np.mean(over)


def test_each_epoch_has_its_own(configure: Configure, small: Dataset) -> None:
    training = Training(configure(epochs=2, clip_norm=0.01), small)
    first, second = (training.run_epoch()["metrics"]["train/grad_norm"] for _ in range(2))
    going_on = Training(configure(epochs=2, clip_norm=0.01), small)
    going_on.run_epoch()
    again = Training(configure(epochs=2, clip_norm=0.01), small, start=going_on.checkpoint())
    assert first != second == again.run_epoch()["metrics"]["train/grad_norm"]


def test_a_norm_that_overflows_has_no_mean() -> None:
    norms = [torch.tensor(value, dtype=torch.float64) for value in (1.0, torch.inf, 3.0)]
    assert gradient_metrics(norms, 2.0) == {"train/clipped": pytest.approx(2 / 3)}


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
