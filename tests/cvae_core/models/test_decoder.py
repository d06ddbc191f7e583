from __future__ import annotations

import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.models import build_model


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
def test_it_starts_at_the_colour_that_it_is_given(value_range: str) -> None:
    """With all other weights at zero it shows nothing else."""
    config = TrialConfig.from_settings({"data": {"name": "cifar10", "value_range": value_range}})
    decoder = build_model(config, (3, 32, 32)).decoder
    for parameter in decoder.parameters():
        torch.nn.init.zeros_(parameter)
    decoder.start_at([0.2, 0.5, 0.9])
    images = decoder(torch.randn(2, config.architecture.latent_dim))
    unit = images if value_range == "unit" else (images + 1) / 2
    expected = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand_as(unit)
    torch.testing.assert_close(unit, expected)


@pytest.mark.parametrize("value_range", ["unit", "symmetric"])
@pytest.mark.parametrize("colour", [0.0, 1.0])
def test_images_of_one_colour_leave_it_finite_and_with_a_gradient(
    value_range: str, colour: float
) -> None:
    config = TrialConfig.from_settings({"data": {"value_range": value_range}})
    decoder = build_model(config, (1, 8, 8)).decoder
    decoder.start_at([colour])
    bias = decoder.layers[-2].bias
    assert isinstance(bias, torch.Tensor)
    assert bool(bias.isfinite().all())
    decoder(torch.zeros(1, config.architecture.latent_dim)).sum().backward()
    assert bias.grad is not None
    assert float(bias.grad.abs()) > 0.01
