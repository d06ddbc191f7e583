"""A sweep's lock: one command at a time writes, and the others are told which."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from orchestration import store
from orchestration.commands import own_command, sweep_command
from orchestration.errors import StorageError, UserError
from orchestration.held import held, is_lost
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.links import refuse_links_out
from orchestration.ledger.paths import BEFORE_LEDGER, HOLDER, LOCK, LOGS, STOP
from orchestration.ledger.processes import find_living, is_here, pid_scope, process_record

REFUSED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""How the system says that a file system has no locks: Lustre, NFS, and others."""


def file_lock(path: Path) -> FileLock:
    """A lock of the system's (`flock`), which goes with its process and holds across hosts.

    By itself the library takes the mere existence of a file for a lock where there are none such.
    After a crash that one stays, and no other host can tell whether it still means something.
    """
    return FileLock(path, is_singleton=False, fallback_to_soft=False)


@dataclass(frozen=True)
class Holder:
    """The command that works on a sweep."""

    pid: int
    host: str
    command: str
    since: float
    """Seconds since 1970."""
    ending: bool = False
    """Whether it has heard that it is to end."""
    trains: bool = True
    """Whether it goes on with the sweep; else it tells MLflow of it, say."""

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, and so known to live."""
        return self.host == socket.gethostname()

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"`{self.command}` (process {self.pid} on {self.host}, since {since})"


@contextmanager
def locked(folder: Path, *, keep_request: bool = False, trains: bool = True) -> Iterator[None]:
    """Hold a sweep's lock. It goes with the process that holds it, however that ends.

    Args:
        folder: of the sweep.
        keep_request: leave what lies there and asks the holder to end, because the one before this
            one was the same command; else an earlier one was meant, and it is dropped.
        trains: whether the sweep is gone on with; see ``Holder``.

    Raises:
        UserError: another process holds it, the file system has no locks, there may be no writing,
            or a link leads out of the folder.
    """
    lock = file_lock(folder / LOCK)
    with store.storing(folder / LOCK):
        refuse_links_out(folder)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(_told(folder)) from None
        except OSError as error:
            if error.errno not in REFUSED:
                raise
            store.remove(folder / LOCK)
            raise UserError(
                f"{folder}: its file system refuses locks ({error.strerror}), so nothing would "
                "keep two commands from working on one sweep; have it mounted with locks "
                "(docs/cluster.md), or choose another place with --storage"
            ) from error
    try:
        with held(folder / LOCK):
            if not keep_request:
                store.remove(folder / STOP)
            holds = {
                "process": process_record(os.getpid()),
                "command": own_command(from_here=False),
                "since": time.time(),
                "trains": trains,
            }
            store.write_document(folder / HOLDER, {**pid_scope(folder), **holds})
            try:
                yield
            finally:
                # By now it may be nobody's to write in, or another command's.
                with suppress(StorageError):
                    store.remove(folder / HOLDER)
                    store.remove(folder / STOP)
    finally:
        lock.release()


@contextmanager
def made_and_locked(folder: Path, *, keep_request: bool = False) -> Iterator[None]:
    """Make a sweep's folder and hold its lock; where no sweep comes of it, the folder goes again.

    Raises:
        UserError: as ``locked``, or the folder cannot be made.
    """
    fresh = [path for path in folder.absolute().parents if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); see --storage") from None
    entered = False
    try:
        with locked(folder, keep_request=keep_request):
            entered = True
            try:
                yield
            finally:
                if not Ledger.exists(folder) and not is_lost(folder / LOCK):
                    with suppress(StorageError):
                        for name in BEFORE_LEDGER:
                            store.remove(folder / name)
                    store.remove_folder(folder / LOGS)
                    for path in (folder, *fresh):
                        store.remove_empty(path)
    finally:
        if not entered:
            for path in (folder, *fresh):
                store.remove_empty(path)


def holder(folder: Path) -> Holder | None:
    """Who works on a sweep: None where nobody does, as far as it can be told from here."""
    try:
        noted = store.read_document(folder / HOLDER)
        process, host = noted["process"], noted["host"]
        said = {"ending": noted.get("ending") is True, "trains": noted.get("trains") is not False}
        holds = Holder(process["pid"], host, noted["command"], noted["since"], **said)
    except (FileNotFoundError, NotADirectoryError, UserError, KeyError, TypeError):
        return None
    if holds.is_here and not (is_here(noted, folder) and find_living(process)):
        return None
    return holds


def note_ending(folder: Path) -> None:
    """Have whoever asked for it know that an end was heard of; call with the lock held."""
    path = folder / HOLDER
    with suppress(OSError, UserError):  # it ends all the same
        store.write_document(path, store.read_document(path) | {"ending": True})


def _told(folder: Path) -> str:
    watch, stop = (sweep_command(command, folder) for command in ("status", "stop"))
    holds = holder(folder)
    who = "another cvae-sweep is at work on this sweep" + (f": {holds}" if holds else "")
    return f"{folder}: {who}; watch it with `{watch}`, or end it with `{stop}`"
