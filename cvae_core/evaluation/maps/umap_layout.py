"""The layout of UMAP: stochastic gradient steps along the edges of its graph.

The objective and the schedule are those of umap-learn (arXiv:1802.03426, algorithm 5). Its own
loop spends most of its time on powers, is compiled anew by every process and says nothing while
it runs; this one looks the gradients up in tables, stays compiled on disk, and goes on in steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

NEGATIVES = 5
"""Points that each step along an edge pushes away."""
STEPS = 20
"""Pieces that the epochs are done in."""
FINE = 6
"""Bits: each doubling of a squared distance has 2^FINE entries in a table of gradients."""
LOWEST, HIGHEST = -30, 20
"""Powers of two between which squared distances are told apart."""


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
    pull, push = gradients(*curve)
    bounds = np.linspace(0, epochs, min(STEPS, epochs) + 1).astype(int)
    for first, last in pairwise(bounds):
        _run(
            points,
            graph.row,
            graph.col,
            period,
            due,
            pushed,
            pull,
            push,
            state,
            first,
            last,
            epochs,
        )
        yield float(last / epochs)


def gradients(a: float, b: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """By squared distance, what a difference of coordinates is multiplied by in a step.

    Returns:
        The tables of an edge's pull (below 0) and of the push away from another point; ``look_up``
        reads them with a relative error below 1e-4.
    """
    fractions = 1 + np.arange(1 << FINE) / (1 << FINE)
    doublings = np.exp2(np.arange(LOWEST, HIGHEST))
    square = np.append(np.outer(doublings, fractions).ravel(), np.exp2(HIGHEST))
    power = square**b
    pull = -2 * a * b * power / (square * (1 + a * power))
    # umap-learn's 0.001, which keeps the push of close points finite.
    push = 2 * b / ((0.001 + square) * (1 + a * power))
    return pull.astype(np.float32), push.astype(np.float32)


@numba.njit(cache=True, fastmath=True, inline="always")
def look_up(table: Any, square: Any) -> Any:
    """A table's value at a squared distance (float32), between its two nearest entries."""
    # The bits of a float32 without its sign are its logarithm, linear within each doubling.
    bits = np.float32(square).view(np.int32) - np.int32((127 + LOWEST) << 23)
    bits = max(np.int32(0), min(bits, np.int32(((HIGHEST - LOWEST) << 23) - 1)))
    entry = bits >> np.int32(23 - FINE)
    within = np.float32(bits & np.int32((1 << (23 - FINE)) - 1)) * np.float32(2.0 ** (FINE - 23))
    return table[entry] + within * (table[entry + 1] - table[entry])


# A dozen parameters: compiled code takes arrays and numbers, not an object that holds them.
@numba.njit(cache=True, fastmath=True, nogil=True)
def _run(
    points: Any,
    heads: Any,
    tails: Any,
    period: Any,
    due: Any,
    pushed: Any,
    pull: Any,
    push: Any,
    state: Any,
    first: int,
    last: int,
    epochs: int,
) -> None:
    four, zero = np.float32(4), np.float32(0)
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
                strength = look_up(pull, square)
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
                    strength = look_up(push, square)
                    x += rate * min(max(strength * dx, -four), four)
                    y += rate * min(max(strength * dy, -four), four)
            points[head, 0], points[head, 1] = x, y
    state[0] = random
