"""Progress of work that is a part of other work."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def within(start: float, end: float, work: Iterator[float | T]) -> Generator[float, None, T]:
    """Run work that yields its shares and at last its result; for ``yield from``.

    Args:
        start: share of the whole that is done before.
        end: share that is done after it.
        work: yields shares in (0, 1), then its result, which is no float.

    Yields:
        Shares of the whole.

    Returns:
        The result.
    """
    for done in work:
        if not isinstance(done, float):
            return done
        yield start + (end - start) * done
    raise AssertionError("work ends with its result")
