"""How many trials run at a time, and the memory of what they share: one count for the run, for
its estimate and for doctor.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import NamedTuple

from orchestration.spec.sweep import Resources

MINIMUM = 100 * 2**20
MARGIN = 64 * 2**20


class Node(NamedTuple):
    """What trials can be given on one machine."""

    cpus: float
    gpus: float


def count_slots(nodes: Iterable[Node], resources: Resources, max_concurrent: int | None) -> int:
    """How many trials run at a time; 0 where no machine can hold one.

    Args:
        nodes: the machines; no trial spans two of them.
        resources: of one trial.
        max_concurrent: most trials at once; None: as many as fit.
    """
    fitting = sum(_fitting(node, resources) for node in nodes)
    return min(fitting, max_concurrent or fitting)


def makespan(durations: Iterable[float], slots: int) -> float:
    """When the last slot is free: each trial, in order, goes to the slot that is free first."""
    free = [0.0] * slots
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)


def object_store_bytes(data_bytes: int) -> int:
    """Bytes of the store that holds ``data_bytes`` of images, once for all workers of a machine."""
    return max(MINIMUM, int(data_bytes * 1.25) + MARGIN)


def this_machine(resources: Resources) -> Node:
    """What trials can be given here: affinity and a container's share are respected.

    GPUs are counted only where a trial asks for one, as that takes seconds.
    """
    from joblib import cpu_count

    if not resources.gpu:
        return Node(int(cpu_count()), 0)
    import torch

    return Node(int(cpu_count()), torch.cuda.device_count())


def _fitting(node: Node, resources: Resources) -> int:
    by_cpu = int(node.cpus // resources.threads)
    if not resources.gpu:
        return by_cpu
    # A trial's share is of one GPU: where each takes 0.6, the rests of two GPUs hold no third.
    on_each = int(1 / resources.gpu + 1e-9)
    return min(by_cpu, int(node.gpus) * on_each)
