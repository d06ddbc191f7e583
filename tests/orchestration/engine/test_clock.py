"""Clocks that are set while a sweep runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

DAY = 86_400.0


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_clock_that_jumps_between_two_readings(
    local_sweep: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    undisturbed = local_sweep("undisturbed").run()
    readings = iter(range(1000))
    real = time.time
    # The driver's and the worker's readings, each a day from the one before it.
    monkeypatch.setattr(time, "time", lambda: real() + jump * next(readings))
    for key, trial in local_sweep().run().items():
        before = undisturbed[key]
        assert (trial.state, trial.metrics) == (before.state, before.metrics)
        assert [epoch.epoch for epoch in trial.epochs] == [1, 2, 3]
        assert all(0 < epoch.epoch_s < 60 for epoch in trial.epochs)
        assert all(0 <= part.seconds < 60 for part in trial.evaluations.values())
        for attempt in trial.attempts:
            assert attempt.ended >= attempt.began
