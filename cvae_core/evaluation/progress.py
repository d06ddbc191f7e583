"""Progress of work that is a part of other work, or that gives no sign of itself."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
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


BEAT_S = 2.0


def beating(call: Callable[[], T], share: float) -> Generator[float, None, T]:
    """Yield a share every two seconds until a call is done; ``yield from`` it for its result.

    The call runs in a thread of its own. Closing the generator waits for its end.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        while not wait([future], BEAT_S).done:
            yield share
        return future.result()
