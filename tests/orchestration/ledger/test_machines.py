"""Whether a trial's numbers are those of one machine."""

from __future__ import annotations

from typing import Any

import pytest

from orchestration.ledger.documents import Attempt, Trial
from orchestration.ledger.machines import cpus_of, lineage, moved

Step = tuple[int, int | None, dict[str, Any]]
OLD: dict[str, Any] = {"processor": "A", "torch": "2.5.0", "threads": {"torch": 1, "numba": 1}}
NEW = OLD | {"torch": "2.6.0"}


def trial(*steps: Step) -> Trial:
    """One of these attempts: the epoch that each began after, the last that it reported, its
    worker."""
    attempts = [
        Attempt(number=number, from_epoch=start, reached=end, began=0.0, worker=worker)
        for number, (start, end, worker) in enumerate(steps, start=1)
    ]
    return Trial(key="k", config={}, attempts=attempts)


@pytest.mark.parametrize(
    ("steps", "numbers"),
    [
        ([(0, 3)], [1]),
        ([(0, 5), (4, 9)], [1, 2]),
        ([(0, 5), (4, 6), (4, 9)], [1, 3]),  # of the second nothing is left
        ([(0, 5), (4, None), (4, 9)], [1, 3]),
        ([(0, 5), (4, None)], [1]),
        ([(0, 5), (0, 9)], [2]),
        ([(0, 5), (5, 8), (3, 9)], [1, 3]),  # a damaged checkpoint was passed over
        ([(0, None)], []),
        ([], []),
    ],
)
def test_the_attempts_that_weights_come_from(
    steps: list[tuple[int, int | None]], numbers: list[int]
) -> None:
    attempts = trial(*((start, end, {}) for start, end in steps)).attempts
    assert [attempt.number for attempt in lineage(attempts)] == numbers


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([(0, 5, OLD), (5, 9, OLD)], ""),
        ([(0, 5, OLD), (5, 9, NEW)], "torch 2.5.0 → 2.6.0"),
        ([(0, 5, OLD), (5, 9, NEW | {"processor": "B"})], "processor A → B, torch 2.5.0 → 2.6.0"),
        ([(0, 5, OLD), (5, 9, OLD | {"threads": {"torch": 2}})], "threads 1 → 2"),
        ([(0, 5, OLD), (5, None, NEW), (5, 9, OLD)], ""),
        ([(0, 5, OLD), (0, 9, NEW)], ""),
        ([(0, 5, {"pid": 1}), (5, 9, NEW)], ""),  # what is not known is not said
        ([(0, 5, OLD), (5, 6, NEW), (6, 9, OLD)], "torch 2.5.0 → 2.6.0, torch 2.6.0 → 2.5.0"),
    ],
)
def test_what_was_another_way_where_it_went_on(steps: list[Step], said: str) -> None:
    assert moved(trial(*steps)) == said


@pytest.mark.parametrize(
    ("steps", "cpus"),
    [
        ([], 3.0),
        ([(0, 5, {"pid": 1})], 3.0),
        ([(0, 5, {"threads": {"torch": 1}})], 1.0),
        ([(0, 5, {"threads": {"torch": 1}}), (5, 9, {"threads": {"torch": 2}})], 2.0),
        ([(0, 5, {"threads": {"torch": 2}}), (5, None, {})], 2.0),
    ],
)
def test_a_trial_cost_the_cpus_that_it_had(steps: list[Step], cpus: float) -> None:
    assert cpus_of(trial(*steps), 3.0) == cpus
