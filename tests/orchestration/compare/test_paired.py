"""Paired statistics against SciPy, statsmodels, published tables and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from orchestration.compare.paired import (
    LEVEL,
    Paired,
    detectable_effect,
    holm,
    paired,
    pairs_needed,
    power,
)


@pytest.mark.parametrize("n", [2, 3, 6, 10, 13])
def test_interval_and_test_are_those_of_scipy(n: int) -> None:
    one, other = np.random.default_rng(n).normal((0, 0.4), 1, (n, 2)).T
    found = paired(list(other - one))
    expected = stats.ttest_rel(other, one).confidence_interval(1 - LEVEL)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    flips = stats.permutation_test(
        (other - one,), lambda d, axis: d.mean(axis), permutation_type="samples", vectorized=True
    )
    assert (found.p, found.exact) == (pytest.approx(flips.pvalue), True)


def test_flips_of_many_pairs_are_drawn_the_same_each_time() -> None:
    differences = np.random.default_rng(1).normal(0.5, 1, 20)
    found = paired(list(differences))
    assert found == paired(list(differences))
    assert not found.exact
    flips = stats.permutation_test(
        (differences,),
        lambda d, axis: d.mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=100_000,
        rng=2,
    )
    assert found.p == pytest.approx(flips.pvalue, abs=5e-4)


def test_six_pairs_of_one_sign_are_the_fewest_that_reach_five_percent() -> None:
    assert paired([0.1, 0.2, 0.3, 0.4, 0.5]).p == 2 / 2**5 > LEVEL
    assert paired([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]).p == 2 / 2**6 < LEVEL
    # Rounding makes no sum of the same numbers the larger one.
    assert paired([0.1] * 3 + [0.3] * 3).p == 2 / 2**6


def test_one_pair_and_equal_pairs() -> None:
    assert paired([0.5]) == Paired(1, 0.5, None, None, None, None, True)
    assert paired([0.0] * 6) == Paired(6, 0.0, 0.0, 0.0, 0.0, 1.0, True)


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_that_of_statsmodels(seed: int) -> None:
    from statsmodels.stats.multitest import multipletests

    generator = np.random.default_rng(seed)
    p_values = list(generator.uniform(0, 0.2, generator.integers(1, 12)).round(3))
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@pytest.mark.parametrize(("n", "effect"), [(7, 1.27), (10, 1.0), (20, 0.66)])
def test_the_smallest_difference_that_is_found(n: int, effect: float) -> None:
    from statsmodels.stats.power import TTestPower

    assert detectable_effect(n) == pytest.approx(effect, abs=0.01)
    assert detectable_effect(n) == pytest.approx(
        TTestPower().solve_power(nobs=n, power=0.8, alpha=LEVEL), rel=1e-4
    )
    # As often as that it is found indeed.
    draws = np.random.default_rng(n).normal(effect, 1, (20_000, n))
    assert (stats.ttest_1samp(draws, 0, axis=1).pvalue < LEVEL).mean() == pytest.approx(
        0.8, abs=0.02
    )


@pytest.mark.parametrize(("n", "tests"), [(6, 1), (7, 2), (8, 5)])
def test_of_the_fewest_pairs_all_have_to_have_one_sign(n: int, tests: int) -> None:
    effect = detectable_effect(n, LEVEL / tests)
    draws = np.random.default_rng(n).normal(effect, 1, (400, n))
    found = [(paired(list(draw)).p or 1.0) <= LEVEL / tests for draw in draws]
    assert np.mean(found) == pytest.approx(0.8, abs=0.06)
    assert detectable_effect(n - 1, LEVEL / tests) == math.inf
    assert paired([1.0, 2.0, 3.0, 1.5, 2.5]).detectable() is None


@pytest.mark.parametrize("tests", [1, 3, 9])
@pytest.mark.parametrize("effect", [0.4, 0.5, -0.9, 1.2])
def test_pairs_needed(effect: float, tests: int) -> None:
    from statsmodels.stats.power import TTestPower

    needed = pairs_needed(effect, tests)
    expected = TTestPower().solve_power(effect_size=abs(effect), power=0.8, alpha=LEVEL / tests)
    least = math.ceil(1 + math.log2(tests / LEVEL))
    assert needed == max(math.ceil(expected), least)


def test_pairs_needed_at_the_ends() -> None:
    assert pairs_needed(0.0) is None
    assert pairs_needed(0.01) is None
    # However large the difference: the sign-flip test of so few reaches no level.
    assert [pairs_needed(math.inf, tests) for tests in (1, 3, 9)] == [6, 7, 9]
    assert power(6, math.inf) == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("n", [6, 10])
def test_intervals_cover_as_often_as_they_say(n: int) -> None:
    draws = np.random.default_rng(n).normal(0.3, 1, (2000, n))
    found = [paired(list(differences)) for differences in draws]
    covered = [f.low is not None and f.high is not None and f.low < 0.3 < f.high for f in found]
    assert 0.94 <= float(np.mean(covered)) <= 0.96


def test_the_fewest_pairs_are_enough_where_all_have_the_same_sign() -> None:
    """The exact test of six pairs finds with 63 % what the t-test finds with 80 %."""
    assert pairs_needed(1.45) == 7
    assert pairs_needed(1.9) == 6
