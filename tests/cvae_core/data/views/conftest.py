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
