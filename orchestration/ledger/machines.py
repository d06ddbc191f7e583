"""On which machines a trial was trained: where it was lost, and whether its numbers are of one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from orchestration.ledger.documents import Attempt, Trial


def lineage(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Those attempts whose epochs a trial's weights come from, the first one first.

    Args:
        attempts: of a trial; what one had done since the checkpoint that the next began from is
            lost, and one that has reported no epoch has done nothing.
    """
    found: list[Attempt] = []
    for attempt in reversed(attempts):
        if attempt.reached is not None and (not found or attempt.from_epoch < found[-1].from_epoch):
            found.append(attempt)
    return found[::-1]


def moved(trial: Trial) -> str:
    """What was another way where a trial went on, such as ``torch 2.5.0 → 2.6.0``; often nothing.

    Sums of the same numbers may then end in other last digits.
    """
    notes = [_numerics(attempt.worker) for attempt in lineage(trial.attempts)]
    changes = [
        f"{what} {before[what]} → {after[what]}"
        for before, after in pairwise(notes)
        for what in before
        if what in after and before[what] != after[what]
    ]
    return ", ".join(dict.fromkeys(changes))


def _numerics(worker: dict[str, Any]) -> dict[str, str]:
    """What a worker has noted of that which decides numbers."""
    noted = {
        "processor": worker.get("processor"),
        "torch": worker.get("torch"),
        "threads": worker.get("threads", {}).get("torch"),
        "device": worker.get("device"),
    }
    return {what: str(value) for what, value in noted.items() if value}


def cpus_of(trial: Trial, otherwise: float) -> float:
    """How many CPUs a trial was trained and evaluated on.

    Args:
        trial: its attempts say it; the newest that does counts.
        otherwise: what the sweep's file says now, which may have been changed since.
    """
    noted = (attempt.worker.get("threads", {}).get("torch") for attempt in trial.attempts[::-1])
    return next((float(threads) for threads in noted if threads), otherwise)


def node_of(attempt: Attempt) -> str:
    """The node of a cluster that an attempt ran on; empty: it was on none, or that is not known."""
    return str(attempt.worker.get("node", ""))
