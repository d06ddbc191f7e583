from __future__ import annotations

import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.errors import ConfigError
from cvae_core.models import VAE, build_model


@pytest.mark.parametrize("family", ["vae", "cvae"])
@pytest.mark.parametrize(("value_range", "lowest"), [("unit", 0.0), ("symmetric", -1.0)])
def test_output_fills_the_range_of_the_data_and_stays_in_it(
    family: str, value_range: str, lowest: float
) -> None:
    config = TrialConfig.from_settings({"model": family, "data": {"value_range": value_range}})
    model = build_model(config, (1, 28, 28))
    latents = 1000 * torch.randn(64, 10, generator=torch.Generator().manual_seed(0))
    images = model.decode(latents)
    assert images.min().item() == pytest.approx(lowest, abs=1e-3)
    assert images.max().item() == pytest.approx(1.0, abs=1e-3)
    assert images.min() >= lowest
    assert images.max() <= 1


def test_reparameterise_scales_noise_by_the_standard_deviation() -> None:
    mu, variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[4.0, 0.25]])
    z = VAE.reparameterise(mu, variance.log(), torch.tensor([[3.0, 3.0]]))
    torch.testing.assert_close(z, torch.tensor([[7.0, -0.5]]))


def test_an_image_that_is_not_square_is_refused() -> None:
    with pytest.raises(ConfigError, match="28×32"):
        build_model(TrialConfig(), (1, 28, 32))
