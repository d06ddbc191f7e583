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
    noted = _noted(folder)
    if noted is None:
        return 0
    left, temporary = _left(noted)
    for process in left:
        _signal(process, "terminate")
    _, stubborn = psutil.wait_procs(left, timeout=WAIT_S)
    for process in stubborn:
        _signal(process, "kill")
    psutil.wait_procs(stubborn, timeout=WAIT_S)
    if temporary is not None:
        store.remove_folder(temporary)
    store.remove(folder / FILE)
    return len(left)


def left_behind(folder: Path) -> tuple[list[psutil.Process], Path | None]:
    """What a driver that is gone has left: living processes, and its temporary folder if there."""
    noted = _noted(folder)
    return ([], None) if noted is None or driver_alive(folder) else _left(noted)


def _noted(folder: Path) -> dict[str, Any] | None:
    try:
        return store.read_document(folder / FILE)
    except (FileNotFoundError, UserError):
        return None


def _left(noted: dict[str, Any]) -> tuple[list[psutil.Process], Path | None]:
    living = [process for process in map(_find, noted["processes"]) if process is not None]
    temporary = Path(noted.get("temporary", ""))
    own = temporary.name.startswith(PREFIX) and temporary.parent == Path(tempfile.gettempdir())
    return living, temporary if own and temporary.is_dir() else None


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
    noted = _noted(folder)
    processes = noted["processes"] if noted else []
    return bool(processes) and _find(processes[0]) is not None
