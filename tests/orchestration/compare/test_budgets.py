"""What was reached by which budget, against loops that go through all trials."""

from __future__ import annotations

import random

import numpy as np
import pytest

from orchestration.compare import budgets
from orchestration.compare.study_trials import Searched


def trials(seed: int, count: int = 30) -> list[Searched]:
    rng = random.Random(seed)
    found = []
    for number in range(count):
        state = rng.choice(["finished", "finished", "stopped", "failed", "running", "pending"])
        measured = state in ("finished", "stopped", "running") and rng.random() > 0.1
        found.append(
            Searched(
                number=number,
                key=f"{seed}-{number}",
                params={},
                origin="suggested",
                state=state,  # type: ignore[arg-type]
                values=(round(rng.random(), 1),) if measured else None,
                cpu_s=0.0 if state == "pending" else rng.uniform(1, 9),
                ended=0.0 if state == "pending" else rng.uniform(0, 100),
                test={},
            )
        )
    return found


def best_by_trials(given: list[Searched], budget: float, sign: int) -> float | None:
    """The first so many trained or stopped ones; only finished ones have a say."""
    used, best = 0, None
    for trial in given:
        if trial.state in ("finished", "stopped"):
            used += 1
            if used > budget:
                break
            if trial.state == "finished" and trial.values is not None:
                value = trial.values[0]
                best = value if best is None or sign * value > sign * best else best
    return best


def best_by_cpu_s(given: list[Searched], budget: float, sign: int) -> float | None:
    """One after another as they ended, until the budget is spent."""
    left, best = budget, None
    for trial in sorted(given, key=lambda trial: trial.ended):
        left -= trial.cpu_s
        if left < -1e-9:
            break
        if trial.state == "finished" and trial.values is not None:
            value = trial.values[0]
            best = value if best is None or sign * value > sign * best else best
    return best


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("seed", range(5))
def test_the_best_at_every_budget(seed: int, sign: int) -> None:
    given = trials(seed)
    curve = budgets.best_so_far(budgets.in_trials(given), sign)
    assert curve
    for budget in range(32):
        assert budgets.value_at(curve, budget) == best_by_trials(given, budget, sign)
    curve = budgets.best_so_far(budgets.in_cpu_s(given), sign)
    for budget in np.linspace(0, 200, 300):
        assert budgets.value_at(curve, float(budget)) == best_by_cpu_s(given, budget, sign)
    improvements = [sign * value for _, value in curve]
    assert improvements == sorted(set(improvements)), "it changes only for the better"


def test_what_was_spent() -> None:
    given = trials(3)
    counted = [trial for trial in given if trial.state in ("finished", "stopped")]
    assert budgets.total(budgets.in_trials(given)) == len(counted)
    spent = budgets.total(budgets.in_cpu_s(given))
    assert spent == pytest.approx(sum(trial.cpu_s for trial in given)), "failed ones cost as well"
    half = budgets.within(budgets.in_cpu_s(given), spent / 2)
    assert 0 < sum(trial.cpu_s for trial in half) <= spent / 2
    assert budgets.common([budgets.in_trials(given), budgets.in_trials(given[:9])]) == (
        budgets.total(budgets.in_trials(given[:9]))
    )
    assert budgets.common([]) == budgets.total([]) == 0


def test_a_family_is_worth_the_mean_of_its_studies() -> None:
    studies = [trials(seed) for seed in (1, 2, 4)]
    curves = [budgets.best_so_far(budgets.in_trials(each), 1) for each in studies]
    for budget in (3, 8, 15):
        values = [best_by_trials(each, budget, 1) for each in studies]
        reached = budgets.reached(curves, budget)
        assert reached is not None
        assert reached.n == 3
        assert reached.mean == pytest.approx(np.mean(values))
        assert reached.sd == pytest.approx(np.std(values, ddof=1))
    end = budgets.common(budgets.in_trials(each) for each in studies)
    mean = budgets.mean_curve(curves, end)
    start = max(curve[0][0] for curve in curves)
    assert mean[0][0] == start, "from where each has a value"
    assert mean[-1][0] <= end
    for budget in range(int(start), int(end) + 1):
        values = [best_by_trials(each, budget, 1) for each in studies]
        assert budgets.value_at(mean, budget) == pytest.approx(np.mean(values))


def test_studies_that_have_reached_nothing_are_not_counted() -> None:
    curve = [(2.0, 0.5)]
    assert budgets.reached([curve, []], 3) == budgets.Reached(0.5, None, 1)
    assert budgets.reached([curve, []], 1) is None
    assert budgets.mean_curve([curve, []], 3) == curve
    assert budgets.mean_curve([[]], 3) == []


def test_of_equals_the_first_is_the_best() -> None:
    given = trials(1, 300)
    best = budgets.best_of(given, 1)
    rated = [t for t in given if t.state == "finished" and t.values is not None]
    top = max(t.values for t in rated)  # type: ignore[type-var]
    assert best is next(t for t in rated if t.values == top)
    assert sum(t.values == top for t in rated) > 1
