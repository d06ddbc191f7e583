"""Numbers of things, in words."""

from __future__ import annotations


def count(number: int, thing: str) -> str:
    """``1 trial``, ``2 trials``, ``2 studies``."""
    many = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number:,} {thing if number == 1 else many}"
