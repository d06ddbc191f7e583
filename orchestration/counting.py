"""Numbers of things, in words."""

from __future__ import annotations

from collections.abc import Mapping


def count(number: int, thing: str) -> str:
    """``1 trial``, ``2 trials``, ``2 studies``."""
    many = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number:,} {thing if number == 1 else many}"


def states_text(counts: Mapping[str, int]) -> str:
    """``7 finished, 5 stopped early``: how many trials are in each state, where any are."""
    words = {"stopped": "stopped early"}
    return ", ".join(f"{n} {words.get(state, state)}" for state, n in counts.items() if n)
