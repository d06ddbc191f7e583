"""Signs of life from a long call into a library that gives none."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

BEAT_S = 2.0
T = TypeVar("T")


def beating(call: Callable[[], T], share: float) -> Generator[float, None, T]:
    """Yield a share every two seconds until a call is done; ``yield from`` it for its result.

    The call runs in a thread of its own. Closing the generator waits for its end.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        while not wait([future], BEAT_S).done:
            yield share
        return future.result()
