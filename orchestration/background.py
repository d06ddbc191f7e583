"""Something that is done again and again while the main thread is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def meanwhile(name: str, every_s: float, look: Callable[[], bool]) -> Iterator[None]:
    """Call a function every so many seconds, in a thread, until it says that it is done.

    Args:
        name: of the thread.
        every_s: seconds before each call, the first one included.
        look: whether there is nothing more to do; not called any more once the block has ended.
    """
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every_s):
            if look():
                return

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
