"""Every change of a folder, seen just before it happens."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from orchestration import store

Files = dict[str, bytes]
STORE = Path(store.__file__)
PACKAGE = STORE.parent
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Cut:
    """What is on disk at one instant."""

    label: str
    files: Files = field(repr=False)


@dataclass
class Record:
    """All that changed a folder while it was watched."""

    cuts: list[Cut] = field(default_factory=list)
    """What was there before each change, and in the midst of each write."""
    writers: set[str] = field(default_factory=set)
    """Functions that called the store for them, ``module.Class.function``."""
    elsewhere: set[str] = field(default_factory=set)
    """Files that something else than the store has opened for writing, renamed or removed."""
    written: set[str] = field(default_factory=set)
    """Files that got a content."""


class Disk:
    """Sees each change below a folder before it happens, as Python's audit hooks do.

    However a module writes: with ``open``, NumPy, torch, ``os`` or ``shutil``.
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._read_only: Path | None = None
        self._record = Record()
        self._blobs: dict[bytes, bytes] = {}
        self._opened: set[str] = set()
        sys.addaudithook(self._see)

    @contextmanager
    def watching(self, folder: Path) -> Iterator[Record]:
        self._record = record = Record()
        self._folder = folder
        try:
            yield record
        finally:
            self._folder = None

    @contextmanager
    def read_only(self, folder: Path) -> Iterator[None]:
        """Nothing below a folder can be changed meanwhile, as on a file system with an error."""
        self._read_only = folder
        try:
            yield
        finally:
            self._read_only = None

    def _see(self, event: str, args: tuple[Any, ...]) -> None:
        if self._read_only is not None and event in CHANGES:
            for path in CHANGES[event](args):
                if Path(path).is_relative_to(self._read_only):
                    raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        folder = self._folder
        if folder is None or event not in CHANGES:
            return
        paths = [Path(path) for path in CHANGES[event](args)]
        names = [p.relative_to(folder).as_posix() for p in paths if p.is_relative_to(folder)]
        if not names:
            return
        self._folder = None  # looking at the folder is nothing to be seen
        try:
            self._note(folder, event, names, _writer(sys._getframe(1)))
        finally:
            self._folder = folder

    def _note(self, folder: Path, event: str, names: list[str], writer: str | None) -> None:
        record = self._record
        if writer is None:
            record.elsewhere.update(names)
        else:
            record.writers.add(writer)
        files = self._read(folder)
        record.cuts.append(Cut(f"before {event} of {' '.join(names)}", files))
        if event == "open":
            self._opened.update(names)
        elif event == "os.rename":
            source, target = names
            record.written.add(target)
            if source in self._opened:  # a link is not made by halves
                half = files[source][: len(files[source]) // 2]
                record.cuts.append(Cut(f"half-way in {target}", files | {source: half}))
        elif event == "os.link":  # what is new, and what had no other name before
            record.written.update(name for name in names if not name.endswith(store.PART))

    def _read(self, folder: Path) -> Files:
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        # Most are those of the cut before: kept once.
        return {name: self._blobs.setdefault(blob, blob) for name, blob in files.items()}


def _writer(frame: FrameType | None) -> str | None:
    """Who called the store; None where the store is not what makes the change."""
    while frame is not None and not _file(frame).is_relative_to(PACKAGE):
        frame = frame.f_back
    if frame is None or _file(frame) != STORE:
        return None
    while frame is not None and _file(frame) == STORE:
        frame = frame.f_back
    if frame is None:
        return None
    module = _file(frame).relative_to(PACKAGE).with_suffix("")
    return ".".join([*module.parts, frame.f_code.co_qualname.replace(".<locals>", "")])


def _file(frame: FrameType) -> Path:
    return Path(frame.f_code.co_filename)


def _opened(args: tuple[Any, ...]) -> list[str]:
    path, mode, flags = args
    if not isinstance(path, str | bytes):
        return []
    writes = any(c in mode for c in "wax+") if isinstance(mode, str) else flags & WRITING
    return [os.fsdecode(path)] if writes else []


def _at(path: Any, folder: int) -> str:
    """A path that may be relative to an open folder."""
    base = Path(f"/proc/self/fd/{folder}").readlink() if folder >= 0 else Path()
    return str(base / os.fsdecode(path))


CHANGES: dict[str, Callable[[tuple[Any, ...]], list[str]]] = {
    "open": _opened,
    "os.rename": lambda args: [_at(args[0], args[2]), _at(args[1], args[3])],
    "os.link": lambda args: [_at(args[1], args[3])],
    "os.symlink": lambda args: [_at(args[1], args[2])],
    "os.remove": lambda args: [_at(args[0], args[1])],
    "os.rmdir": lambda args: [_at(args[0], args[1])],
    "os.truncate": lambda args: [os.fsdecode(args[0])] if not isinstance(args[0], int) else [],
}
