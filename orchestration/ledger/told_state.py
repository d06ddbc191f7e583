"""The state of a trial as everybody is told it, whoever reads the ledger."""

from __future__ import annotations


def told_state(state: str, *, alive: bool) -> str:
    """What a driver that is gone has left running is pending: nobody is at work on it.

    Args:
        state: as the trial's document has it.
        alive: whether a driver is at work on the sweep.
    """
    return "pending" if state == "running" and not alive else state
