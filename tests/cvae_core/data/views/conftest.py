from __future__ import annotations

import importlib
from types import ModuleType

import pytest
import torch

from cvae_core.data.vision import torchvision

SHAPES = [(1, 28, 28), (3, 32, 32), (2, 20, 33)]


@pytest.fixture(scope="session")
def v2() -> ModuleType:
    """torchvision's transforms, the reference of every view."""
    return importlib.import_module(f"{torchvision.__name__}.transforms.v2")


@pytest.fixture(params=["bilinear", "nearest"])
def interpolation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def noise_image(request: pytest.FixtureRequest) -> torch.Tensor:
    """Noise: the hardest image to interpolate, with no border that hides an error."""
    return torch.rand(request.param, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="session")
def colours() -> torch.Tensor:
    """RGB images (8, 3, 6, 9): noise, and the colours at which formulas of hue break."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(4, 3, 6, 9, generator=generator)
    # Every mixture of none, half and full, as 27 of 54 pixels: greys, primaries, equal channels.
    levels = torch.tensor([0.0, 0.5, 1.0])
    mixtures = torch.cartesian_prod(levels, levels, levels).T.repeat(1, 2).view(1, 3, 6, 9)
    nearly_grey = 0.5 + 1e-6 * torch.rand(1, 3, 6, 9, generator=generator)
    black, white = torch.zeros(1, 3, 6, 9), torch.ones(1, 3, 6, 9)
    return torch.cat([noise, mixtures, nearly_grey, black, white])
