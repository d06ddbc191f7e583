from __future__ import annotations

import numpy as np
import pytest
import torch

from cvae_core.losses import pixel_mse


def looped(reconstruction: np.ndarray, images: np.ndarray) -> float:
    total, count = 0.0, 0
    for index in np.ndindex(images.shape):
        total += (float(reconstruction[index]) - float(images[index])) ** 2
        count += 1
    return total / count


@pytest.mark.parametrize("shape", [(1, 1, 28, 28), (5, 3, 8, 8), (3, 2, 5, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_a_loop_over_pixels(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    a, b = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-6
    assert pixel_mse(a, b).item() == pytest.approx(looped(a.numpy(), b.numpy()), rel=tolerance)


def test_of_a_constant_difference_is_its_square() -> None:
    images = torch.rand(4, 1, 6, 6, dtype=torch.float64)
    assert pixel_mse(images + 0.25, images).item() == pytest.approx(0.0625, rel=1e-12)
