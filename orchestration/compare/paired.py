"""Statistics of paired differences: how large, how sure, and how many pairs it takes.

The interval is Student's over the differences, which holds its 95 % from three pairs on where a
percentile bootstrap covers 73 to 83 %; the p value is that of the exact sign-flip test, which asks
nothing of the distribution but that a difference and its opposite are equally likely where there is
none (Fisher 1935, "The design of experiments").
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

LEVEL = 0.05
"""Of the tests; intervals cover 1 - LEVEL."""
POWER = 0.8
LEAST_PAIRS = 6
"""Fewer flips of signs than 1 / LEVEL are no two-sided test: 2 of 2⁵ are 6 %."""
SURE = 100.0
"""In standard deviations: an effect that no number of pairs misses."""
MOST_PAIRS = 100
"""Where even these would not decide it, it is not said how many would."""
EXACT_PAIRS = 16
"""Of more pairs so many flips are drawn, with a fixed seed, as there are of 16 pairs."""


@dataclass(frozen=True)
class Paired:
    """What n paired differences say; in the units of the differences."""

    n: int
    mean: float
    sd: float | None
    """The sample's standard deviation; None of one pair."""
    low: float | None
    """Of the 95 % t interval of the mean; None of one pair."""
    high: float | None
    p: float | None
    """Two-sided, of the sign-flip test; None of one pair."""
    exact: bool
    """Whether ``p`` is over all 2ⁿ flips."""

    def detectable(self, tests: int = 1) -> float | None:
        """The smallest true difference that n pairs of this spread find in four of five cases.

        Args:
            tests: that Holm corrects over; the first finding among them has to pass LEVEL / tests.

        Returns:
            None where so few pairs find nothing, however large.
        """
        effect = detectable_effect(self.n, LEVEL / tests) if self.sd is not None else math.inf
        return effect * self.sd if self.sd is not None and math.isfinite(effect) else None


def paired(differences: Sequence[float]) -> Paired:
    """Summarise the differences of pairs.

    Args:
        differences: one a pair, finite; at least one.

    Returns:
        Their mean with its interval, test and the difference that could have been found.

    Source: for the interval and the power Student's t, central and noncentral.
    """
    n, mean = len(differences), statistics.fmean(differences)
    exact = n <= EXACT_PAIRS
    if n < 2:
        return Paired(n, mean, None, None, None, None, exact)
    sd = statistics.stdev(differences)
    reach = _threshold(n, LEVEL) * sd / math.sqrt(n)
    return Paired(
        n=n,
        mean=mean,
        sd=sd,
        low=mean - reach,
        high=mean + reach,
        p=_sign_flips(differences),
        exact=exact,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction: the chance of any false finding among all stays below the level.

    Args:
        p_values: of the tests that belong together, in any order.

    Returns:
        The corrected ones in the same order, none above 1.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min((len(p_values) - rank) * p_values[index], 1.0))
        corrected[index] = highest
    return corrected


def power(n: int, effect: float, level: float = LEVEL) -> float:
    """Chance that a paired t-test of n pairs finds a true difference.

    Args:
        n: pairs, at least two.
        effect: the difference in standard deviations of the differences.
        level: of the two-sided test.
    """
    from scipy import stats

    threshold = _threshold(n, level)
    shift = min(abs(effect), SURE) * math.sqrt(n)
    beyond, before = stats.nct.sf(threshold, n - 1, shift), stats.nct.cdf(-threshold, n - 1, shift)
    # Far from the threshold the noncentral t has no number for what is none.
    return float(beyond) + (float(before) if math.isfinite(before) else 0.0)


@cache
def _threshold(n: int, level: float) -> float:
    from scipy.special import stdtrit  # of what every run ends with; scipy.stats takes a second

    return float(stdtrit(n - 1, 1 - level / 2))


@cache
def detectable_effect(n: int, level: float = LEVEL) -> float:
    """The effect that n pairs find with 80 % power, in standard deviations of the differences.

    Infinite where not even pairs of one sign make a sign-flip test of this level.
    """
    from scipy.optimize import brentq

    rarest = 2.0 ** (1 - n)
    if rarest > level:
        return math.inf
    highest = 1.0
    while power(n, highest, level) < POWER:
        highest *= 2
    effect = float(brentq(lambda effect: power(n, effect, level) - POWER, 0.0, highest, xtol=1e-6))
    if 2 * rarest <= level:
        return effect
    # Every one has to have the same sign, which is rarer than what a t-test asks for.
    return max(effect, statistics.NormalDist().inv_cdf(POWER ** (1 / n)))


def pairs_needed(effect: float, tests: int = 1) -> int | None:
    """How many pairs find an effect with 80 % power, where Holm corrects over so many tests.

    Args:
        effect: the difference in standard deviations of the differences.
        tests: in the table; the first finding among them has to pass LEVEL / tests.

    Returns:
        The smallest number that is also enough for the sign-flip test; None: above MOST_PAIRS.
    """
    level = LEVEL / tests
    least = max(LEAST_PAIRS, math.ceil(1 + math.log2(1 / level)))
    if math.isinf(effect):
        return least if least <= MOST_PAIRS else None
    # What n pairs can find is asked of many cells and metrics, and computed once.
    enough = bisect_left(
        range(least, MOST_PAIRS + 1),
        True,
        key=lambda n: detectable_effect(n, level) <= abs(effect),
    )
    return least + enough if least + enough <= MOST_PAIRS else None


def _sign_flips(differences: Sequence[float]) -> float:
    """Two-sided p of the mean among those of all, or of many, flips of signs.

    ``scipy.stats.permutation_test`` gives the same and takes a hundred times as long, which a table
    of many cells and metrics would be waited for.
    """
    import numpy as np

    values = np.asarray(differences, dtype=float)
    n = len(values)
    signs = _signs(n)
    # Sums of equal numbers in another order differ in their last digits.
    reached = abs(values.sum()) - 1e-12 * np.abs(values).sum()
    beyond = int((np.abs(signs @ values) >= reached).sum())
    # Of drawn flips the observed one counts as one more.
    drawn = n > EXACT_PAIRS
    return (beyond + drawn) / (len(signs) + drawn)


@cache
def _signs(n: int) -> Any:
    """All flips of n signs, one a row; of more than EXACT_PAIRS drawn ones."""
    import numpy as np

    if n <= EXACT_PAIRS:
        return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    return np.random.default_rng(0).choice([-1.0, 1.0], (2**EXACT_PAIRS, n))
