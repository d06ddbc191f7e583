"""What β is as a training ends."""

from __future__ import annotations

from typing import Any

import pytest

from cvae_core.config import TrialConfig
from cvae_core.evaluation.diagnostics.elbo import beta_at_end


def test_beta_at_the_end_is_that_of_the_last_stage_and_of_a_schedule_s_end() -> None:
    def of(**settings: Any) -> float | None:
        return beta_at_end(TrialConfig.from_settings({"epochs": 9, "beta": 0.1, **settings}))

    assert of() == 0.1
    assert of(weights={"reconstruction": 2}) == 0.05
    assert of(weights={"reconstruction": 0}) is None
    assert of(schedule={"beta": {"shape": "linear", "epochs": 5, "end": 3}}) == pytest.approx(0.3)
    assert of(stages=[{"epochs": 2, "beta": 1}, {"weights": {"reconstruction": 4}}]) == 0.025
    assert of(stages=[{"epochs": 2}, {"beta": 1}]) == 1
