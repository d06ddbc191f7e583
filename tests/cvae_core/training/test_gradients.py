from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.gradients import gradient_metrics
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
