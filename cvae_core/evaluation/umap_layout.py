"""The layout of UMAP: stochastic gradient steps along the edges of its graph.

The objective and the schedule are those of umap-learn (arXiv:1802.03426, algorithm 5). Its own
loop computes powers in double precision, is compiled anew by every process and says nothing while
it runs; this one computes in single precision, as the coordinates are, stays compiled on disk,
and goes on in steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

NEGATIVES = 5
"""Points that each step along an edge pushes away."""
STEPS = 20
"""Pieces that the epochs are done in."""


def optimise(
    points: NDArray[np.float32],
    graph: Any,
    epochs: int,
    curve: tuple[float, float],
    seed: int,
) -> Iterator[float]:
    """Move the points of a map, in place, to where the graph wants them.

    Args:
        points: (N, 2), where they start.
        graph: SciPy's COO matrix (N, N), symmetric, of weights above 0.
        epochs: over which the learning rate falls from 1 to 0.
        curve: a and b of the map's similarity 1 / (1 + a d^(2b)).
        seed: of the points that are pushed away, above 0.

    Yields:
        The share that is done.
    """
    # An edge is due once in so many epochs: the strongest one in each of them.
    period = graph.data.max() / graph.data.astype(np.float64)
    due, pushed = period.copy(), period / NEGATIVES
    state = np.array([seed], dtype=np.uint64)
    a, b = np.float32(curve[0]), np.float32(curve[1])
    bounds = np.linspace(0, epochs, min(STEPS, epochs) + 1).astype(int)
    for first, last in zip(bounds[:-1], bounds[1:], strict=True):
        _run(
            points, graph.row, graph.col, period, due, pushed, a, b, state, first, last, epochs
        )
        yield float(last / epochs)


@numba.njit(cache=True, fastmath=True, nogil=True, error_model="numpy")  # type: ignore[untyped-decorator]
def _run(
    points: Any,
    heads: Any,
    tails: Any,
    period: Any,
    due: Any,
    pushed: Any,
    a: Any,
    b: Any,
    state: Any,
    first: int,
    last: int,
    epochs: int,
) -> None:
    one, four, zero = np.float32(1), np.float32(4), np.float32(0)
    tiny = np.float32(0.001)
    pull, push = np.float32(-2) * a * b, np.float32(2) * b
    count = np.uint64(len(points))
    random = state[0]
    for epoch in range(first, last):
        rate = np.float32(1 - max(epoch - 1, 0) / epochs)
        for edge in range(len(heads)):
            if due[edge] > epoch:
                continue
            head, tail = heads[edge], tails[edge]
            x, y = points[head, 0], points[head, 1]
            dx, dy = x - points[tail, 0], y - points[tail, 1]
            square = dx * dx + dy * dy
            if square > zero:
                power = square**b
                strength = pull * power / (square * (a * power + one))
                gx = rate * min(max(strength * dx, -four), four)
                gy = rate * min(max(strength * dy, -four), four)
                x += gx
                y += gy
                points[tail, 0] -= gx
                points[tail, 1] -= gy
            due[edge] += period[edge]
            spacing = period[edge] / NEGATIVES
            negatives = int((epoch - pushed[edge]) / spacing)
            pushed[edge] += negatives * spacing
            for _ in range(negatives):
                # xorshift64, its upper half scaled to the number of points.
                random ^= random << np.uint64(13)
                random ^= random >> np.uint64(7)
                random ^= random << np.uint64(17)
                other = ((random >> np.uint64(32)) * count) >> np.uint64(32)
                dx, dy = x - points[other, 0], y - points[other, 1]
                square = dx * dx + dy * dy
                if other != head and square > zero:
                    strength = push / ((tiny + square) * (a * square**b + one))
                    x += rate * min(max(strength * dx, -four), four)
                    y += rate * min(max(strength * dy, -four), four)
            points[head, 0], points[head, 1] = x, y
    state[0] = random
