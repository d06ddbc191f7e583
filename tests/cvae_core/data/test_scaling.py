from __future__ import annotations

import pytest
import torch

from cvae_core.config import DataConfig
from cvae_core.data.scaling import to_model_range, to_unit

PIXELS = torch.arange(256, dtype=torch.uint8).view(4, 1, 8, 8)


@pytest.mark.parametrize("divisor", [255, 256])
def test_pixels_are_divided(divisor: int) -> None:
    config = DataConfig(divisor=divisor)
    unit = to_unit(PIXELS, config)
    assert unit.dtype == torch.float32
    expected = torch.tensor([value / divisor for value in range(256)])
    assert torch.equal(unit.flatten(), expected)
    assert torch.equal(to_model_range(unit, config), unit)
    assert torch.equal(PIXELS.flatten(), torch.arange(256, dtype=torch.uint8))


@pytest.mark.parametrize("divisor", [255, 256])
def test_the_symmetric_range_is_twice_as_wide(divisor: int) -> None:
    config = DataConfig(divisor=divisor, value_range="symmetric")
    unit = to_unit(PIXELS, config)
    scaled = to_model_range(unit, config).flatten()
    assert scaled[0] == -1
    assert scaled[-1].item() == pytest.approx(2 * 255 / divisor - 1, abs=1e-6)
    assert unit.min() == 0, "views are made in [0, 1]: the input is left as it is"
