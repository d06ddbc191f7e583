"""Numbers and times, in words."""

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


UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """Such as ``1:02:03`` or ``0:07``."""
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def rough_duration(seconds: float) -> str:
    """Whole seconds, minutes, hours or days, whichever is the largest that there is one of."""
    for size, unit in UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"
