from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.checkpoint import Checkpoint

pytestmark = pytest.mark.slow

Configure = Callable[..., TrialConfig]
Bits = Callable[[Checkpoint], dict[str, Any]]


def metrics(history: list[dict[str, object]]) -> list[object]:
    """Without what the clock says."""
    return [(record["epoch"], record["metrics"]) for record in history]


@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_same_seed_same_bits(configure: Configure, small: Dataset, bits: Bits, model: str) -> None:
    config = configure(model=model, epochs=2)
    first, second = (fit(config, small, probe_every=1) for _ in range(2))
    assert metrics(first.history) == metrics(second.history)
    assert bits(first.checkpoint) == bits(second.checkpoint)


@pytest.mark.parametrize("model", ["vae", "cvae"])
def test_another_seed_other_numbers(configure: Configure, small: Dataset, model: str) -> None:
    first, second = (fit(configure(model=model, epochs=1, seed=s), small) for s in (0, 1))
    for name, value in first.history[0]["metrics"].items():
        alike = name in ("val/reconstruction_of_mean", "train/clipped")
        assert (value == second.history[0]["metrics"][name]) == alike, name


def test_global_generators_are_neither_used_nor_moved(configure: Configure, small: Dataset) -> None:
    config = configure(model="cvae", epochs=1)
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
        results.append(fit(config, small, probe_every=1))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.random.get_state()[1].tolist() == before[1]
        assert random.getstate() == before[2]
    assert metrics(results[0].history) == metrics(results[1].history)
