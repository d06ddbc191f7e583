"""The working directory, which may have been deleted while a shell was still in it."""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.errors import UserError

_left: tuple[Path, str] | None = None
"""Where the command was started, and why nothing can be found there."""


def leave_useless() -> None:
    """Go to the root where the working directory is of no use: PyTorch and Ray end in such a one.

    It was deleted, or this user may not look into it.
    """
    global _left
    try:
        here = Path.cwd()
    except OSError:
        here = Path("/", os.environ.get("PWD") or "deleted")  # it may be anything
        _left = here, "was deleted"
    else:
        if os.access(here, os.X_OK):
            return
        _left = here, "cannot be looked into"
    os.chdir("/")


def working_directory() -> Path:
    """Where the command was started; nothing can be found there if it was left."""
    return Path.cwd() if _left is None else _left[0]


def checked(path: Path) -> Path:
    """The path itself.

    Raises:
        UserError: it is relative, to a folder that was left.
    """
    if _left is not None and not path.is_absolute():
        here, why = _left
        raise UserError(
            f"{path}: the working directory {here} {why}; go to another one, or give an absolute "
            "path"
        )
    return path
