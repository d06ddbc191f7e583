"""What β is as an epoch ends."""

from __future__ import annotations

from typing import Any

import pytest

from cvae_core.config import TrialConfig
from cvae_core.evaluation.diagnostics.elbo import beta_after


def after(epoch: int, **settings: Any) -> float | None:
    return beta_after(TrialConfig.from_settings({"epochs": 9, "beta": 0.1, **settings}), epoch)


def test_at_the_end_it_is_that_of_the_last_stage_and_of_a_schedule_s_end() -> None:
    assert after(9) == 0.1
    assert after(9, weights={"reconstruction": 2}) == 0.05
    assert after(9, weights={"reconstruction": 0}) is None
    linear = {"beta": {"shape": "linear", "epochs": 5, "end": 3}}
    assert after(9, schedule=linear) == pytest.approx(0.3)
    cyclical = {"beta": {"shape": "cyclical", "epochs": 9, "cycles": 3}}
    assert after(9, schedule=cyclical) == 0.1
    assert after(9, stages=[{"epochs": 2, "beta": 1}, {"weights": {"reconstruction": 4}}]) == 0.025
    assert after(9, stages=[{"epochs": 2}, {"beta": 1}]) == 1


def test_before_it_is_that_of_the_stage_and_of_the_schedule_then() -> None:
    stages = [
        {"epochs": 2, "beta": 1},
        {"epochs": 3, "weights": {"reconstruction": 0}},
        {"beta": 0.5, "weights": {"reconstruction": 4}},
    ]
    found = [after(epoch, stages=stages) for epoch in range(10)]
    assert found == [1, 1, 1, None, None, None, *4 * [0.125]]
    for shape, expected in (
        ("linear", [0, 0.1 / 6, 0.2 / 6, 0.3 / 6, 0.4 / 6, 0.5 / 6, 0.1, 0.1, 0.1, 0.1]),
        ("step", [0, 0, 0, 0, 0, 0, 0, 0.1, 0.1, 0.1]),
        # Two cycles of three epochs, each at its end after half of them.
        ("cyclical", [0, 0.2 / 3, 0.1, 0.1, 0.2 / 3, 0.1, 0.1, 0.1, 0.1, 0.1]),
    ):
        schedule = {"beta": {"shape": shape, "epochs": 6, "start": 0}}
        schedule["beta"] |= {"cycles": 2} if shape == "cyclical" else {}
        assert [after(e, schedule=schedule) for e in range(10)] == pytest.approx(expected)
