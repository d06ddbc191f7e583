"""What MLflow's runs are called."""

from __future__ import annotations

from typing import Any

import pytest

from cvae_core.config import TrialConfig
from orchestration.ledger.documents import Trial
from orchestration.tracking.run_fields import trial_tags


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"seed": 3}, "vae β=0.001 seed=3"),
        ({"model": "cvae"}, "cvae β=0.001 λ=0.1 τ=0.5 seed=0"),
        (
            {"augment": True, "reconstruct": "view"},
            "vae β=0.001 augment=true reconstruct=view seed=0",
        ),
        ({"reconstruct": "view"}, "vae β=0.001 seed=0"),
        ({"precision": "bfloat16"}, "vae β=0.001 precision=bfloat16 seed=0"),
        (
            {"model": "cvae", "lambda": 1, "beta": 0, "weights": {"reconstruction": 0}},
            "cvae β=0 λ=1 τ=0.5 w_rec=0 seed=0",
        ),
        (
            {"architecture": {"kernel": 3, "blocks": "residual"}},
            "vae β=0.001 kernel=3 blocks=residual seed=0",
        ),
    ],
)
def test_a_run_is_called_by_what_sets_its_trial_apart(settings: dict[str, Any], name: str) -> None:
    config = TrialConfig.from_settings(settings)
    trial = Trial(key="k", config=config.to_settings())
    assert trial_tags(trial, config)["mlflow.runName"] == name
