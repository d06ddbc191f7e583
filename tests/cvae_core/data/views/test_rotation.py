from __future__ import annotations

from types import ModuleType

import pytest
import torch
from scipy import stats

from cvae_core.data.views.rotation import rotate
from tests.cvae_core.data.views.drawn import draw_angles

ANGLES = torch.tensor([0.0, 15.0, -15.0, 7.3, -0.01, 33.3, 89.0, -120.0, 179.0])


def test_equals_torchvision(v2: ModuleType, noise_image: torch.Tensor, interpolation: str) -> None:
    angles = torch.cat([ANGLES, draw_angles(100, 15.0, torch.Generator().manual_seed(0))])
    ours = rotate(noise_image.expand(len(angles), -1, -1, -1), angles, interpolation)
    for result, angle in zip(ours, angles.tolist(), strict=True):
        reference = v2.functional.rotate(noise_image, angle, v2.InterpolationMode(interpolation))
        torch.testing.assert_close(result, reference, rtol=0, atol=1e-5, msg=f"{angle}°")


def test_turns_counter_clockwise_and_brings_zeros_in() -> None:
    image = torch.ones(1, 1, 5, 5)
    image[..., 0, 2] = 9  # top, middle
    turned = rotate(image, torch.tensor([90.0]), "nearest")
    assert turned[0, 0, 2, 0] == 9
    corner = rotate(image, torch.tensor([45.0]), "nearest")[0, 0, 0, 0]
    assert corner == 0


def test_angles_are_distributed_as_torchvisions(v2: ModuleType) -> None:
    ours = draw_angles(20_000, 15.0, torch.Generator().manual_seed(0))
    transform = v2.RandomRotation(15)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = [transform.make_params([])["angle"] for _ in range(4000)]
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3
    assert ours.abs().max() <= 15
    assert ours.min().item() == pytest.approx(-15, abs=0.01)
    assert ours.max().item() == pytest.approx(15, abs=0.01)
    assert ours.mean().abs() < 4 * (15 / 3**0.5) / 20_000**0.5
