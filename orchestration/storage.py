"""The folder of all sweeps."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from orchestration.errors import UserError

STORAGE_VARIABLE = "CVAE_SWEEP_STORAGE"


def storage_folder(storage: str | Path | None = None) -> Path:
    """Folder of all sweeps: as given, else ``CVAE_SWEEP_STORAGE``, else ``./runs``.

    Raises:
        UserError: the file system has no such names.
    """
    folder = Path(storage or os.environ.get(STORAGE_VARIABLE) or "runs")
    check_name(folder)
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
    usual = storage.resolve() == storage_folder().resolve()
    return [] if usual else ["--storage", str(storage)]
