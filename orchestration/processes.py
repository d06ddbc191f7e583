"""The processes and temporary folder of a driver, on record for the command that comes after it.

Processes are identified by id and creation time together, never by name, group or session.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from orchestration import store
from orchestration.errors import UserError

FILE = "processes.json"
PREFIX = "cvae-"
WAIT_S = 5.0


class ProcessRecord:
    """Notes the driver, its descendants and its temporary folder beside the sweep's lock."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._noted: list[dict[str, Any]] = []
        # Ray's sockets lie below it, and their paths may not be long.
        self.temporary = Path(tempfile.mkdtemp(prefix=PREFIX))

    def update(self) -> None:
        """Note those that live now; writes only where that changes something."""
        driver = psutil.Process()
        living = [_identity(p) for p in (driver, *driver.children(recursive=True))]
        found = [identity for identity in living if identity is not None]
        if found != self._noted:
            self._noted = found
            noted = {"processes": found, "temporary": str(self.temporary)}
            store.write_document(self._path, noted)

    def clear(self) -> None:
        """Forget them: the driver is about to end in good order."""
        store.remove_folder(self.temporary)
        store.remove(self._path)


@contextmanager
def recorded(folder: Path) -> Iterator[ProcessRecord]:
    """A record that is there for as long as this process works on the sweep."""
    record = ProcessRecord(folder)
    record.update()
    try:
        yield record
    finally:
        record.clear()


def end_left_behind(folder: Path) -> int:
    """End what still lives of a driver that is gone; call with the sweep's lock held.

    Returns:
        How many processes were ended.
    """
    path = folder / FILE
    try:
        noted = store.read_document(path)
    except (FileNotFoundError, UserError):
        return 0
    left = [process for process in map(_find, noted["processes"]) if process is not None]
    for process in left:
        _signal(process, "terminate")
    _, stubborn = psutil.wait_procs(left, timeout=WAIT_S)
    for process in stubborn:
        _signal(process, "kill")
    psutil.wait_procs(stubborn, timeout=WAIT_S)
    temporary = Path(noted.get("temporary", ""))
    if temporary.name.startswith(PREFIX) and temporary.parent == Path(tempfile.gettempdir()):
        store.remove_folder(temporary)
    store.remove(path)
    return len(left)


def _identity(process: psutil.Process) -> dict[str, Any] | None:
    try:
        return {"pid": process.pid, "created": process.create_time()}
    except psutil.Error:
        return None


def _find(identity: dict[str, Any]) -> psutil.Process | None:
    try:
        process = psutil.Process(identity["pid"])
        same = abs(process.create_time() - identity["created"]) < 0.01
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.Error:
        return  # it ended by itself


def driver_alive(folder: Path) -> bool:
    """Whether the driver on record lives, on this machine."""
    try:
        noted = store.read_document(folder / FILE)["processes"]
    except (FileNotFoundError, UserError):
        return False
    return bool(noted) and _find(noted[0]) is not None
