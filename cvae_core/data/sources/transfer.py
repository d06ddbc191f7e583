"""From an address to a file, with what is to be noticed on the way."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

BLOCK = 1 << 16


class Digest(Protocol):
    """A hash under way, as of ``hashlib``."""

    def update(self, data: bytes, /) -> None:
        """Take in more."""


def transfer(
    url: str, target: Path, digest: Digest, *, timeout_s: float, answer_s: float
) -> Iterator[tuple[int, int]]:
    """Write what an address answers to a file, and into a hash.

    Args:
        url: the address.
        target: the file; what has arrived is in it, also after an error.
        digest: of the content.
        timeout_s: how long it may be silent once it has answered.
        answer_s: how long it may take to answer, the look-up of its name included.

    Yields:
        Bytes that have arrived, and of how many (0: nobody knows).

    Raises:
        OSError: no answer, or it broke off, or the file cannot be written.
        HTTPException: an answer that is not HTTP.
    """
    done = 0
    with _answer(url, timeout_s, answer_s) as answer, target.open("wb") as file:
        total = answer.length or 0
        while block := answer.read(BLOCK):
            file.write(block)
            digest.update(block)
            done += len(block)
            yield done, total
    if done < total:
        raise OSError(f"{url} broke off after {done:,} of {total:,} bytes")


def _answer(url: str, timeout_s: float, answer_s: float) -> Any:
    # In a thread, because no timeout reaches the look-up of a name, which can take a minute.
    request = urllib.request.Request(url, headers={"User-Agent": "cvae-sweep"})  # noqa: S310
    answers: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(request, timeout=timeout_s))  # noqa: S310
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=answer_s)
    except Empty:
        raise TimeoutError(f"timed out: no answer within {answer_s:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


@contextmanager
def no_empty_folders(folder: Path) -> Iterator[None]:
    """Take away again, after a failure, the empty folders that were made."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise
