"""Long loads: many files by a few threads, and word of how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

CHUNK = 256
T = TypeVar("T")
OnProgress = Callable[[str, int, int], None]
"""What is being done, how much of it is done, and of how much (0: nobody knows)."""


def in_chunks(
    work: Callable[[slice], T], count: int, what: str, on_progress: OnProgress | None
) -> Iterator[tuple[slice, T]]:
    """Call ``work`` on slices of ``range(count)``; results come in order.

    Reading, hashing and decoding release the interpreter's lock.

    Args:
        work: called in threads.
        count: number of items.
        what: told to ``on_progress``.
        on_progress: called in this thread.
    """
    from joblib import cpu_count

    chunks = [slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    pool = ThreadPoolExecutor(cpu_count())
    try:
        for chunk, result in zip(chunks, pool.map(work, chunks), strict=True):
            yield chunk, result
            if on_progress is not None:
                on_progress(what, chunk.stop, count)
    finally:
        pool.shutdown(cancel_futures=True)
