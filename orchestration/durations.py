"""Times as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Such as ``1:02:03`` or ``0:07``."""
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"
