from __future__ import annotations

import pytest

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.fit import FitResult


@pytest.fixture(scope="session")
def config() -> TrialConfig:
    return TrialConfig.from_settings({"epochs": 2, "batch_size": 64, "learning_rate": 1e-3})


@pytest.fixture(scope="session")
def trained(config: TrialConfig, small: Dataset) -> FitResult:
    return fit(config, small)
