"""Commands as a person can type them here: the only place where one is put together to be shown."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from orchestration.redact import without_credentials
from orchestration.storage import storage_flags

EXAMPLE = "sweeps/digits_beta.yaml"
"""A sweep that comes with the package and needs nothing."""


def program(name: str) -> str:
    """The name where the PATH leads to this environment's program, else its path."""
    own = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if not own.exists() or (found is not None and Path(found).resolve() == own.resolve()):
        return name
    here = Path.cwd()
    return str(own.relative_to(here)) if own.is_relative_to(here) else str(own)


def command_line(*arguments: str, storage: Path | None = None) -> str:
    """A command of this program's.

    Args:
        arguments: such as ``"run", "sweeps/digits_beta.yaml"``.
        storage: folder of all sweeps, named where it is not the usual one; None: it has no part.
    """
    flags = [] if storage is None else storage_flags(storage)
    return shlex.join([program("cvae-sweep"), *arguments, *flags])


def sweep_command(command: str, folder: Path, *arguments: str) -> str:
    """A command on one sweep, such as ``cvae-sweep resume mnist_beta``.

    Args:
        command: such as ``resume``.
        folder: of the sweep.
        arguments: that follow on the sweep's name.
    """
    return command_line(command, folder.name, *arguments, storage=folder.parent)


def own_command() -> str:
    """The command line of this process as a person would type it again, but without passwords."""
    return command_line(*(without_credentials(a) if "://" in a else a for a in sys.argv[1:]))
