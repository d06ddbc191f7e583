from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cvae_core import fit
from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.evaluation.subject import Subject
from cvae_core.training.fit import FitResult


@pytest.fixture(scope="session")
def config() -> TrialConfig:
    return TrialConfig.from_settings({"epochs": 2, "batch_size": 64, "learning_rate": 1e-3})


@pytest.fixture(scope="session")
def trained(config: TrialConfig, small: Dataset) -> FitResult:
    return fit(config, small)


@pytest.fixture(scope="session")
def make_subject(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Subject]:
    """``make_subject(config, data, fitted, **more)``: what a worker hands to a part."""
    cache = tmp_path_factory.mktemp("cache")

    def make(config: TrialConfig, data: Dataset, fitted: FitResult, **more: Any) -> Subject:
        weights = fitted.checkpoint.selected_weights
        more = {"cache": cache, "label": config.model, "epochs": fitted.history} | more
        return Subject(config, data, weights, epoch=fitted.checkpoint.epoch, **more)

    return make


@pytest.fixture(scope="session")
def subject(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> Subject:
    return make_subject(config, small, trained)


@pytest.fixture(scope="session")
def contrastive(make_subject: Callable[..., Subject], small: Dataset) -> Subject:
    config = TrialConfig.from_settings({"model": "cvae", "epochs": 2, "learning_rate": 1e-3})
    return make_subject(config, small, fit(config, small))
