"""The processes and temporary folder of a driver, on record for the command that comes after it.

Processes are identified by id and start together, never by name, group or session. A start is
counted from the machine's own start, so that a clock that is set says nothing about it. Who was
only starting up when the driver or Ray died is on no record: it carries a mark in its environment.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from orchestration import store
from orchestration.background import meanwhile
from orchestration.errors import StorageError, UserError
from orchestration.ledger.paths import PROCESSES

PREFIX = "cvae-"
MARK = "CVAE_SWEEP_TEMPORARY"
"""Variable that all descendants of a driver inherit: its temporary folder, which no other has."""
TRIED, ROOM_BYTES = "tried", 1_000_000
"""A file that is written to see whether there is room: Ray's logs and sockets take more."""
ROUNDS = 3
"""Looks for who lives: one that was about to start another may have done so meanwhile."""
WAIT_S = 5.0
EVERY_S = 0.2
LOOK_S = 0.02


class ProcessRecord:
    """Notes the driver, its descendants and its temporary folder beside the sweep's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._noted: list[dict[str, int]] = []
        self._guard = threading.Lock()
        # Ray's sockets lie below it, and their paths may not be long.
        self.temporary = _temporary_folder()
        os.environ[MARK] = str(self.temporary)

    def update(self) -> None:
        """Note those that live now; writes only where that changes something."""
        with self._guard:
            pids = [os.getpid(), *(child.pid for child in psutil.Process().children(True))]
            living = [noted for pid in pids if (noted := process_record(pid)) is not None]
            # Whoever's parent has ended is nobody's descendant any more.
            living += [noted for noted in self._noted if noted not in living and find_living(noted)]
            if living != self._noted:
                self._noted = living
                document = {"temporary": str(self.temporary), "processes": living}
                with store.storing(self._folder / PROCESSES):
                    document |= pid_scope(self._folder)
                store.write_document(self._folder / PROCESSES, document)

    @contextmanager
    def following(self) -> Iterator[None]:
        """Update several times a second meanwhile: many are being started."""

        def update() -> bool:
            with suppress(StorageError):  # what comes next says so
                self.update()
            return False

        with meanwhile("processes", EVERY_S, update):
            yield

    def clear(self, patience_s: float = WAIT_S) -> None:
        """End who still lives, orphans included, and forget them: the driver is about to end.

        Args:
            patience_s: how long they may take, before they are killed.
        """
        with suppress(StorageError):
            self.update()
        _end_all(self._noted, str(self.temporary), patience_s)
        os.environ.pop(MARK, None)
        store.remove_folder(self.temporary)
        with suppress(StorageError):
            store.remove(self._folder / PROCESSES)


def _temporary_folder() -> Path:
    """A new one.

    Raises:
        UserError: none can be made, or no file in it can be written.
    """
    made = None
    try:
        made = Path(tempfile.mkdtemp(prefix=PREFIX))
        (made / TRIED).write_bytes(b"\0" * ROOM_BYTES)  # a full disk still takes folders
        (made / TRIED).unlink()
    except OSError as error:
        if made is not None:
            store.remove_folder(made)
        where = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - named, not used
        raise UserError(
            f"{where}: no temporary files can be written ({error.strerror or error}); free some "
            "space there, or set TMPDIR to a folder with a short path elsewhere"
        ) from error
    return made


@contextmanager
def recorded(folder: Path) -> Iterator[ProcessRecord]:
    """A record that is there for as long as this process works on the sweep."""
    record = ProcessRecord(folder)
    # MLflow's client has folders of its own there, which a kill leaves behind.
    before, tempfile.tempdir = tempfile.tempdir, str(record.temporary)
    try:
        record.update()
        yield record
    finally:
        tempfile.tempdir = before
        record.clear()


def end_left_behind(folder: Path) -> int:
    """End what still lives of a driver that is gone; call with the sweep's lock held.

    Returns:
        How many processes were ended.
    """
    noted = _noted(folder)
    if noted is None:
        store.remove(folder / PROCESSES)  # of another machine, or damaged
        return 0
    # What they have begun to write is whole or not there: nothing is gained by asking first, and
    # Ray's agents would not hear for seconds.
    left = _end_all(noted["processes"], noted.get("temporary", ""), 0.0)
    temporary = _temporary(noted)
    if temporary is not None:
        store.remove_folder(temporary)
    store.remove(folder / PROCESSES)
    return left


def _living(noted: list[dict[str, int]], temporary: str) -> set[psutil.Process]:
    """Those of a driver's processes that live: the noted ones, and those with its mark."""
    living = {process for process in map(find_living, noted) if process is not None}
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == temporary:
                living.add(process)
        except (psutil.Error, OSError):  # somebody else's, or gone
            continue
    return {process for process in living if process.pid != os.getpid()}


def _end_all(noted: list[dict[str, int]], temporary: str, patience_s: float) -> int:
    """End what lives of a driver's: asked first, killed where it does not hear.

    Returns:
        How many lived.
    """
    ended: set[psutil.Process] = set()
    for _ in range(ROUNDS):
        living = _living(noted, temporary)
        if not living:
            break
        ended |= living
        for process in living:
            _signal(process, "terminate")
        stubborn = _still_alive(living, patience_s)
        for process in stubborn:
            _signal(process, "kill")
        _still_alive(stubborn, WAIT_S)
    return len(ended)


def _still_alive(processes: set[psutil.Process], patience_s: float) -> set[psutil.Process]:
    """Who has not ended by then.

    Who has, but whose parent takes no note of that, is not waited for: in a container it may never.
    """
    until = time.monotonic() + patience_s
    while True:
        _, left = psutil.wait_procs(processes, timeout=LOOK_S)
        processes = {process for process in left if _lives(process)}
        if not processes or time.monotonic() >= until:
            return processes


def _lives(process: psutil.Process) -> bool:
    try:
        over = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return process.is_running() and not over
    except psutil.Error:
        return False


def left_behind(folder: Path) -> tuple[list[psutil.Process], Path | None]:
    """What a driver that is gone has left: living processes, and its temporary folder if there."""
    noted = _noted(folder)
    if noted is None or driver_alive(folder):
        return [], None
    return list(_living(noted["processes"], noted.get("temporary", ""))), _temporary(noted)


def pid_scope(folder: Path) -> dict[str, Any]:
    """Where process ids mean something: this machine since its start, and this very folder.

    A copy of the folder knows of the original's processes, but they are none of its own.
    """
    about = folder.stat()
    return {
        "host": socket.gethostname(),
        "boot": _boot(),
        "folder": [about.st_dev, about.st_ino],
    }


def is_here(noted: dict[str, Any], folder: Path) -> bool:
    """Whether something was noted on this machine, of this very folder."""
    here = pid_scope(folder)
    return all(noted.get(name) == here[name] for name in ("boot", "folder"))


def process_record(pid: int) -> dict[str, int] | None:
    """A living process for the record; None: there is none."""
    started = _started(pid)
    return None if started is None else {"pid": pid, "started": started}


def find_living(noted: dict[str, int]) -> psutil.Process | None:
    """The process that was noted, if it still lives."""
    if noted.get("started") is None or _started(noted["pid"]) != noted["started"]:
        return None
    try:
        return psutil.Process(noted["pid"])
    except psutil.Error:
        return None


def driver_alive(folder: Path) -> bool:
    """Whether the driver on record lives, on this machine."""
    noted = _noted(folder)
    processes = noted["processes"] if noted else []
    return bool(processes) and find_living(processes[0]) is not None


def _noted(folder: Path) -> dict[str, Any] | None:
    try:
        noted = store.read_document(folder / PROCESSES)
        return noted if is_here(noted, folder) else None
    except (FileNotFoundError, NotADirectoryError, UserError):
        return None


def _temporary(noted: dict[str, Any]) -> Path | None:
    temporary = Path(noted.get("temporary", ""))
    own = temporary.name.startswith(PREFIX) and temporary.parent == Path(tempfile.gettempdir())
    return temporary if own and temporary.is_dir() else None


def _started(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine did; None: it lives no more."""
    try:
        about = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # Behind the name, which may hold anything: the state first, the start as number 20.
    fields = about.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _boot() -> str:
    """This start of this machine, and the room of process ids within it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return socket.gethostname()


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except psutil.Error:
        return  # it ended by itself
