"""Each shape of a schedule, against the same curve drawn with NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cvae_core.config import TrialConfig
from cvae_core.schedule import DecayConfig, FactorConfig, factor_at

Curve = Callable[[np.ndarray], np.ndarray]
LENGTH, START, END, CYCLES, RISE = 7, 0.25, 1.5, 3, 0.6
MOMENTS = np.arange(0, 12, 1 / 13)


def linear(time: np.ndarray) -> np.ndarray:
    return np.interp(time, [0, LENGTH], [START, END])


def cosine(time: np.ndarray) -> np.ndarray:
    # SGDR's equation 5, from its largest value (here the start) to its smallest.
    inside = END + (START - END) * (1 + np.cos(np.pi * time / LENGTH)) / 2
    return np.where(time < LENGTH, inside, END)


def step(time: np.ndarray) -> np.ndarray:
    return np.where(time < LENGTH, START, END)


def cyclical(time: np.ndarray) -> np.ndarray:
    # A saw tooth with a flat top, its corners written down one by one.
    corners, heights = [], []
    for cycle in range(CYCLES):
        begin = LENGTH * cycle / CYCLES
        corners += [begin, begin + LENGTH / CYCLES * RISE, begin + LENGTH / CYCLES * (1 - 1e-12)]
        heights += [START, END, END]
    return np.interp(time, corners, heights)


@pytest.mark.parametrize("curve", [linear, cosine, step, cyclical])
def test_a_shape_is_the_curve_of_its_name(curve: Curve) -> None:
    factor = FactorConfig(curve.__name__, LENGTH, START, END, CYCLES, RISE)  # type: ignore[arg-type]
    ours = [factor_at(factor, float(time)) for time in MOMENTS]
    np.testing.assert_allclose(ours, curve(MOMENTS), rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", ["linear", "cosine", "step", "cyclical"])
def test_the_end_holds_exactly_from_the_end_on(shape: str) -> None:
    factor = FactorConfig(shape, 3, 0.1, 0.7)  # type: ignore[arg-type]
    assert factor_at(factor, 0.0) == 0.1
    assert {factor_at(factor, time) for time in (3, 3.5, 1000, float("inf"))} == {0.7}


def test_constant_is_one_whatever_else_is_given() -> None:
    assert {factor_at(FactorConfig("constant", 3, 0.1, 0.7), t) for t in (0, 1.5, 9)} == {1.0}


def test_weights_rise_and_a_learning_rate_falls_unless_told_otherwise() -> None:
    weight, rate = FactorConfig("linear", 4), DecayConfig("linear", 4)
    assert [factor_at(weight, t) for t in (0, 1, 4)] == [0, 0.25, 1]
    assert [factor_at(rate, t) for t in (0, 1, 4)] == [1, 0.75, 0]
    schedule = {"learning_rate": {"shape": "cosine", "epochs": 4, "end": 0.01}}
    config = TrialConfig.from_settings({"schedule": schedule})
    assert (config.schedule.learning_rate.start, config.schedule.learning_rate.end) == (1.0, 0.01)
