"""From an address to a file that appears in its place whole and checked, or not at all.

Why not pooch, tried in version 1.9: mirrors, what a person is told and the removal of folders would
stay here. No timeout of its reaches the look-up of a name (8 s of 8 with a timeout of 1), it calls
back where a job has to be left in the middle and taken up again, and an archive that a server
labels ``Content-Encoding: gzip`` is unpacked on the way, so that its checksum is wrong. It would be
one more package where nothing but PyTorch is needed.
"""

from __future__ import annotations

import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from cvae_core.data.sources.checksum import Algorithm, difference

BLOCK = 1 << 16


class WrongContentError(Exception):
    """An address answers with something else than the file that is expected."""


class Remote(NamedTuple):
    """A file to be had from an address, and its checksum, hexadecimal."""

    url: str
    algorithm: Algorithm
    checksum: str


def fetch(
    remote: Remote, path: Path, *, timeout_s: float, answer_s: float
) -> Iterator[tuple[int, int]]:
    """Put a file in its place; until it is whole and checked, it lies in a folder beside it.

    Args:
        remote: where it is to be had.
        path: its place; missing folders are made, and go again if nothing comes of it.
        timeout_s: how long the address may be silent once it has answered.
        answer_s: how long it may take to answer, the look-up of its name included.

    Yields:
        Bytes that have arrived, and of how many (0: nobody knows).

    Raises:
        OSError: no answer, or it broke off, or the file cannot be written.
        HTTPException: an answer that is not HTTP.
        WrongContentError: a file with another checksum.
    """
    with _no_empty_folders(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=path.parent) as temporary:
            staged = Path(temporary) / path.name
            with _answer(remote.url, timeout_s, answer_s) as answer, staged.open("w+b") as file:
                done, total = 0, answer.length or 0
                while block := answer.read(BLOCK):
                    file.write(block)
                    done += len(block)
                    yield done, total
                if done < total:
                    raise OSError(f"{remote.url} broke off after {done:,} of {total:,} bytes")
                file.seek(0)
                wrong = difference(file, remote.algorithm, remote.checksum)
            if wrong is not None:
                raise WrongContentError(f"{remote.url} answered with {wrong}")
            staged.replace(path)


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
def _no_empty_folders(folder: Path) -> Iterator[None]:
    """Take away again, after a failure, the empty folders that were made."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise
