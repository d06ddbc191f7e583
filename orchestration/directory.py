"""The working directory, which somebody may have deleted while a shell was still in it."""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.errors import UserError

_deleted: Path | None = None
"""Where the command was started, if that is no more."""


def leave_deleted() -> None:
    """Go to the root where the working directory is no more: PyTorch and Ray need one that is."""
    global _deleted
    try:
        Path.cwd()
    except OSError:
        _deleted = Path(os.environ.get("PWD") or "/deleted").absolute()
        os.chdir("/")


def working_directory() -> Path:
    """Where the command was started; nothing is found there any more if it was deleted."""
    return _deleted or Path.cwd()


def checked(path: Path) -> Path:
    """The path itself.

    Raises:
        UserError: it is relative, to a folder that was deleted.
    """
    if _deleted is not None and not path.is_absolute():
        raise UserError(
            f"{path}: the working directory {_deleted} was deleted; go to one that is there, or "
            "give an absolute path"
        )
    return path
