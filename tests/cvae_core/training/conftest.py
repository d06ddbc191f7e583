from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images, split_indices
from cvae_core.settings import merge
from cvae_core.training.checkpoint import Checkpoint

FAST = {"epochs": 3, "batch_size": 64, "learning_rate": 1e-3}


@pytest.fixture(scope="session")
def configure() -> Callable[..., TrialConfig]:
    """Settings of a training that takes a fraction of a second and still moves the weights."""

    def build(**settings: Any) -> TrialConfig:
        return TrialConfig.from_settings(merge(FAST, settings))

    return build


@pytest.fixture(scope="session")
def getting_worse(small: Dataset) -> Dataset:
    """Validation images are dark negatives: the better a model learns, the worse it gets."""
    _, val = split_indices(len(small.train), 0.1, 0)
    pixels = small.train.pixels.copy()
    pixels[val.numpy()] = (255 - pixels[val.numpy()]) // 4
    return Dataset("digits", Images(pixels, small.train.labels), small.test, small.classes)


def _bits(state: Any) -> Any:
    if isinstance(state, torch.Tensor):
        return state.dtype, tuple(state.shape), np.asarray(state).tobytes()
    if isinstance(state, dict):
        return {key: _bits(value) for key, value in state.items()}
    return [_bits(item) for item in state] if isinstance(state, list) else state


@pytest.fixture(scope="session")
def bits() -> Callable[[Checkpoint], dict[str, Any]]:
    """A checkpoint's content, comparable bit for bit (its files also hold shared strings)."""
    return lambda checkpoint: _bits(dict(checkpoint.__dict__))
