"""Commands as a person can type them here: the only place where one is put together to be shown."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from cvae_core.shell import shell_line, shell_word
from orchestration.directory import working_directory
from orchestration.redact import without_credentials
from orchestration.storage import storage_flags

EXAMPLE = "sweeps/digits_beta.yaml"
"""A sweep that comes with the package and needs nothing."""


def program(name: str, *, from_here: bool = True) -> str:
    """The name where the PATH leads to this environment's program, else its path.

    Args:
        name: of the program.
        from_here: whether the path may be relative to the working directory.
    """
    own = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if not own.exists() or (found is not None and Path(found).resolve() == own.resolve()):
        return name
    here = working_directory()
    relative = from_here and own.is_relative_to(here)
    return str(own.relative_to(here)) if relative else str(own)


def command_line(*arguments: str, storage: Path | None = None) -> str:
    """A command of this program's.

    Args:
        arguments: such as ``"run", "sweeps/digits_beta.yaml"``.
        storage: folder of all sweeps, named where it is not the usual one; None: it has no part.
    """
    flags = [] if storage is None else storage_flags(storage)
    return shell_line(program("cvae-sweep"), *arguments, *flags)


def sweep_command(command: str, folder: Path, *arguments: str) -> str:
    """A command on one sweep, such as ``cvae-sweep resume mnist_beta``.

    Args:
        command: such as ``resume``.
        folder: of the sweep.
        arguments: that follow on the sweep's name.
    """
    return command_line(command, folder.name, *arguments, storage=folder.parent)


def own_command(*, from_here: bool = True) -> str:
    """The command line of this process as a person would type it again, but without passwords.

    Args:
        from_here: in this working directory; else it is shown to somebody who may be elsewhere.
    """
    arguments = (without_credentials(a) if "://" in a else a for a in sys.argv[1:])
    return shell_line(program("cvae-sweep", from_here=from_here), *arguments)


def pip_install(*requirements: str) -> str:
    """The command that installs something into this environment.

    Args:
        requirements: such as ``"numpy<3"``.
    """
    return shell_line(program("pip"), "install", *requirements)


def ray_start(*arguments: str) -> str:
    """The command that starts a node of Ray's.

    Args:
        arguments: such as ``"--head"``.
    """
    return shell_line(program("ray"), "start", *arguments)


def mlflow_command(uri: str, *arguments: str) -> str:
    """A command of MLflow's on the MLflow that is tracked to.

    Args:
        uri: its tracking URI, of which user and password are not shown.
        arguments: such as ``"experiments", "restore"``.
    """
    command = shell_line(program("mlflow"), *arguments)
    return f"MLFLOW_TRACKING_URI={shell_word(without_credentials(uri))} {command}"
