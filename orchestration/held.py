"""Sweeps' folders that this process has locked, and whether they lie in their place still.

A folder that is removed or renamed takes its lock along. Whoever goes on writing makes the folder
anew, with another lock or none, beside a command that may hold that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_locks: dict[Path, tuple[Path, tuple[int, int]]] = {}
"""Of each folder that is held the file that is locked, with its device and number there."""


def hold(lock: Path) -> None:
    """Take a folder for this process until it ends, by the file in it that is locked."""
    _locks[lock.parent] = lock, _number(lock)


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """Take a folder for this process's meanwhile, by the file in it that is locked."""
    hold(lock)
    try:
        yield
    finally:
        del _locks[lock.parent]


def is_lost(path: Path) -> bool:
    """Whether this lies in a folder that was held, and has been removed or renamed since."""
    return any(_is_gone(*_locks[folder]) for folder in path.parents if folder in _locks)


def _is_gone(lock: Path, number: tuple[int, int]) -> bool:
    try:
        return _number(lock) != number
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it cannot be told: a network file system that does not answer
        return False


def _number(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino
