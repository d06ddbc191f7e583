"""What searches had reached by which budget: in trials, and in CPU-seconds.

A budget is that of one study. A family of several studies is worth the mean of what they had
reached: the best of them all would be the better the more of them there are.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from orchestration.compare.study_trials import Searched

Spent = list[tuple[float, Searched]]
"""Trials in the order of their budget's clock, each with what was spent up to its end."""
Curve = list[tuple[float, float]]
"""The best so far: what was spent when it changed, and the new value."""


@dataclass(frozen=True)
class Reached:
    """What a family had reached at a budget."""

    mean: float
    sd: float | None
    """The sample's, over its studies; None of one study."""
    n: int
    """Studies that had a finished trial by then."""


def in_trials(trials: Iterable[Searched]) -> Spent:
    """By number of trained and stopped trials, in the order of asks; failed ones do not count."""
    return [(number, trial) for number, trial in enumerate((t for t in trials if t.counts), 1)]


def in_cpu_s(trials: Iterable[Searched]) -> Spent:
    """By CPU-seconds, in the order in which trials ended; whatever came of them, they cost."""
    ordered = sorted((t for t in trials if t.cpu_s), key=lambda t: (t.ended, t.number))
    return list(zip(accumulate(t.cpu_s for t in ordered), ordered, strict=True))


def total(spent: Spent) -> float:
    """All that was spent."""
    return spent[-1][0] if spent else 0.0


def within(spent: Spent, budget: float) -> list[Searched]:
    """The trials that had ended by then."""
    return [trial for at, trial in spent if at <= budget]


def common(budgets: Iterable[Spent]) -> float:
    """The largest budget that all of these studies have spent."""
    return min(map(total, budgets), default=0.0)


def best_of(trials: Iterable[Searched], sign: int) -> Searched | None:
    """The best finished trial by the first objective; of equals the one that was asked first."""
    best: Searched | None = None
    for trial in trials:
        if trial.rated and (best is None or _gain(trial, sign) > _gain(best, sign)):
            best = trial
    return best


def best_so_far(spent: Spent, sign: int) -> Curve:
    """The best value of the first objective at every budget where it changed."""
    curve: Curve = []
    for at, trial in spent:
        if trial.rated and trial.values is not None:
            value = trial.values[0]
            if not curve or sign * value > sign * curve[-1][1]:
                curve.append((at, value))
    return curve


def value_at(curve: Curve, budget: float) -> float | None:
    """The best at a budget; None where nothing had finished."""
    place = bisect_right([at for at, _ in curve], budget)
    return curve[place - 1][1] if place else None


def reached(curves: Sequence[Curve], budget: float) -> Reached | None:
    """What the studies of a family had reached on average; None where none had anything."""
    values = [value_at(curve, budget) for curve in curves]
    reached_values = [value for value in values if value is not None]
    if not reached_values:
        return None
    spread = statistics.stdev(reached_values) if len(reached_values) > 1 else None
    return Reached(statistics.fmean(reached_values), spread, len(reached_values))


def mean_curve(curves: Sequence[Curve], end: float) -> Curve:
    """The mean of the studies' curves, from where each has a value up to ``end``.

    Args:
        curves: of a family; studies in which nothing has finished are left out.
        end: the largest budget that all of its studies have spent.
    """
    curves = [curve for curve in curves if curve]
    if not curves:
        return []
    start = max(curve[0][0] for curve in curves)
    places = sorted({at for curve in curves for at, _ in curve if start <= at <= end})
    means: Curve = []
    for at in places:
        values = [value for curve in curves if (value := value_at(curve, at)) is not None]
        means.append((at, statistics.fmean(values)))
    return means


def _gain(trial: Searched, sign: int) -> float:
    return sign * trial.values[0] if trial.values else float("-inf")
