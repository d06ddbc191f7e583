"""The folder of all sweeps."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from orchestration.directory import checked, working_directory
from orchestration.errors import UserError

STORAGE_VARIABLE = "CVAE_SWEEP_STORAGE"


def storage_folder(storage: str | Path | None = None) -> Path:
    """Folder of all sweeps: as given, else ``CVAE_SWEEP_STORAGE``, else ``./runs``.

    Raises:
        UserError: it is relative, to a folder that was deleted, or the file system has no such
            names.
    """
    folder = checked(Path(storage) if storage else _usual())
    check_name(folder)
    return folder


def existing_storage(storage: str | Path | None = None) -> Path:
    """The same for a command on a sweep that is there: a folder that was named has to be.

    Raises:
        UserError: as for ``storage_folder``, or it is not there.
    """
    folder = storage_folder(storage)
    named = "--storage" if storage else STORAGE_VARIABLE
    if (storage or os.environ.get(STORAGE_VARIABLE)) and not folder.exists():
        raise UserError(f"{named} {folder}: there is no such folder; name the one with your sweeps")
    return folder


def check_name(path: Path) -> None:
    """Refuse a path that no file can have.

    Raises:
        UserError: it is too long, or a name in it.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(
                f"{path}: is too long for a file's name; choose a shorter one"
            ) from None


def storage_flags(storage: Path) -> list[str]:
    """What a command line needs to find a folder of all sweeps; empty where it is the usual one."""
    usual = working_directory() / _usual()
    return [] if storage.resolve() == usual.resolve() else ["--storage", str(storage)]


def _usual() -> Path:
    return Path(os.environ.get(STORAGE_VARIABLE) or "runs")
