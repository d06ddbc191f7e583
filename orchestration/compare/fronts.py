"""Pareto fronts: what nothing else beats in every objective."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[Sequence[float]], signs: Sequence[int]) -> list[int]:
    """Indices of the points that no other one dominates, in their order.

    A point dominates another where it is at least as good in every objective and better in one;
    equal points are on the front together.

    Args:
        points: one value per objective each.
        signs: 1 where larger is better, else -1.
    """
    gains = [tuple(s * v for s, v in zip(signs, point, strict=True)) for point in points]
    kept: list[int] = []
    # Whatever dominates a point comes before it in this order.
    for index in sorted(range(len(gains)), key=lambda i: gains[i], reverse=True):
        if not any(_dominates(gains[other], gains[index]) for other in kept):
            kept.append(index)
    return sorted(kept)


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))
