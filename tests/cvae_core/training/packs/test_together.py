from __future__ import annotations

from typing import Any

import pytest

from cvae_core.config import TrialConfig
from cvae_core.training.packs.together import why_not_together

FREE: list[dict[str, Any]] = [
    {"beta": 0.1},
    {"lambda": 0.2},
    {"tau": 0.3},
    {"seed": 4},
    {"epochs": 5},
    {"learning_rate": 0.6},
    {"clip_norm": None},
    {"selection": {"patience": 7}},
    {"weights": {"reconstruction": 0.8}},
    {"schedule": {"beta": {"shape": "cosine", "epochs": 9}}},
    {"stages": [{"epochs": 1, "beta": 0.1}, {"reset_optimizer": True}]},
]
TIED: dict[str, dict[str, Any]] = {
    "model": {"model": "vae"},
    "batch_size": {"batch_size": 64},
    "contrast": {"contrast": "mean"},
    "data.divisor": {"data": {"divisor": 256}},
    "data.split_seed": {"data": {"split_seed": 1}},
    "data.validation_fraction": {"data": {"validation_fraction": 0.2}},
    "architecture.latent_dim": {"architecture": {"latent_dim": 3}},
    "architecture.kernel": {"architecture": {"kernel": 3}},
    "architecture.projection": {"architecture": {"projection": [4]}},
    "views.rotation_degrees": {"views": {"rotation_degrees": 1.0}},
    "augment": {"augment": True},
    "weights.reconstruction": {"weights": {"reconstruction": 0.0}},
}
ALONE: dict[str, dict[str, Any]] = {
    "model pca": {"model": "pca"},
    "architecture.norm batch": {"architecture": {"norm": "batch"}},
    "precision bfloat16": {"precision": "bfloat16"},
    "a trial in whose stages": {"stages": [{"epochs": 1, "weights": {"reconstruction": 0}}, {}]},
}


def of(**settings: Any) -> TrialConfig:
    return TrialConfig.from_settings({"model": "cvae", **settings})


def test_what_each_trial_may_have_for_itself() -> None:
    assert why_not_together([of(), *(of(**own) for own in FREE)]) is None
    assert why_not_together([of()]) is None


@pytest.mark.parametrize("name", TIED)
def test_what_they_have_in_common_is_named(name: str) -> None:
    reason = why_not_together([of(), of(seed=1), of(**TIED[name])])
    assert reason is not None
    assert name in reason
    assert why_not_together([of(**TIED[name]), of(seed=1, **TIED[name])]) is None


@pytest.mark.parametrize("name", ALONE)
def test_what_is_trained_alone_is_named(name: str) -> None:
    reason = why_not_together([of(**ALONE[name]), of(seed=1, **ALONE[name])])
    assert reason is not None
    assert reason.startswith(name)


def test_settings_that_mean_nothing_do_not_count() -> None:
    """A VAE has no λ and no views, and where a folder lies says nothing of it."""
    folder = {"name": "folder", "content": "abc"}
    trials = [
        {"model": "vae", "data": folder, "views": {"rotation_degrees": 3.0}},
        {"model": "vae", "data": folder | {"path": "there"}, "contrast": "mean"},
    ]
    assert why_not_together([TrialConfig.from_settings(own) for own in trials]) is None
