"""How a sweep stands: decided here alone, for ``status``, ``list``, the ledger and MLflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from orchestration.ledger.ledger import Ledger
from orchestration.ledger.told_state import told_state
from orchestration.study.progress import to_come_in

SweepState = Literal["running", "interrupted", "failed", "finished"]


def counts_in(ledger: Ledger, *, alive: bool = False) -> Counter[str]:
    """How many trials of the plan are in each state; those to come of a search are pending.

    Args:
        ledger: of the sweep.
        alive: whether a driver is at work; what a dead one left running is pending.
    """
    total = len(ledger.planned_keys()) + to_come_in(ledger)
    return counts_of([trial.state for trial in ledger.planned()], total, alive=alive)


def counts_of(states: Sequence[str], total: int, *, alive: bool = False) -> Counter[str]:
    """The same of states that are known.

    Args:
        states: of the trials that have a document.
        total: trials in the end, as far as it is known; the others are pending.
        alive: as for ``counts_in``.
    """
    counts = Counter(told_state(state, alive=alive) for state in states)
    counts["pending"] += total - len(states)
    return counts


def state_of(counts: Mapping[str, int], *, alive: bool = False) -> SweepState:
    """How a sweep stands, from the states of its trials.

    Evaluations have no part in it: as a trial, a sweep is finished when it is trained.

    Args:
        counts: as ``counts_in`` gives them.
        alive: whether a driver is at work.
    """
    if alive:
        return "running"
    planned = any(counts.values())  # else it was cut off before its plan was noted
    if not planned or counts.get("pending") or counts.get("running"):
        return "interrupted"
    return "failed" if counts.get("failed") else "finished"
