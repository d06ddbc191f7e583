"""Pareto fronts against their definition, point by point."""

from __future__ import annotations

import random

import pytest

from orchestration.compare.fronts import front


def by_definition(points: list[list[float]], signs: list[int]) -> list[int]:
    found = []
    for index, point in enumerate(points):
        beaten = False
        for other in points:
            gains = [s * (o - p) for s, o, p in zip(signs, other, point, strict=True)]
            beaten |= min(gains) >= 0 and max(gains) > 0
        if not beaten:
            found.append(index)
    return found


@pytest.mark.parametrize("signs", [[1, 1], [1, -1], [-1, -1], [1, -1, 1], [-1]])
@pytest.mark.parametrize("values", [4, 1000])
def test_random_points_equal_ones_among_them(signs: list[int], values: int) -> None:
    rng = random.Random(f"{signs} {values}")
    for count in (0, 1, 2, 7, 60):
        points = [[float(rng.randrange(values)) for _ in signs] for _ in range(count)]
        assert front(points, signs) == by_definition(points, signs)


def test_equal_points_are_on_the_front_together() -> None:
    assert front([(1.0, 2.0), (0.0, 3.0), (1.0, 2.0), (1.0, 3.0)], [1, -1]) == [0, 2]
