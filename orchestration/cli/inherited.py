"""What this program, and all that it starts, take over from whoever started it: no modules.

A file of the working directory that has a library's name is never imported in its place.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

OWN = Path(__file__).parents[2]
"""Where this program lies; as a working directory it is a place to import from."""


def leave_working_directory() -> None:
    """Take the working directory off the path on which this process looks for modules."""
    here = _working_directory()
    if here is None:
        return
    given = os.environ.get("PYTHONPATH")  # empty it is none
    named = given.split(os.pathsep) if given else []
    # Whoever works in a folder of installed packages has not named it there.
    dropped = {"", str(here)} if any(_is(entry, here) for entry in named) else {""}
    sys.path[:] = [entry for entry in sys.path if entry not in dropped]


def for_children(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of what is started: the same, but Python's own switches are ours.

    Neither the working directory is a place to import from, nor is what programs say of
    themselves left out, as Ray's need it.
    """
    here = _working_directory()
    own = {"PYTHONSAFEPATH": "1"}
    given = environment.get("PYTHONPATH")
    if given and here is not None:
        entries = [entry for entry in given.split(os.pathsep) if not _is(entry, here)]
        # Children may work in other directories.
        own["PYTHONPATH"] = os.pathsep.join(str(_absolute(entry, here)) for entry in entries)
    return {k: v for k, v in {**environment, **own}.items() if k != "PYTHONOPTIMIZE"}


def begin_with_docstrings() -> None:
    """Begin anew where Python was told to drop docstrings: Ray cannot be imported without."""
    if sys.flags.optimize > 1 and "PYTHONOPTIMIZE" in os.environ:
        os.execve(sys.executable, sys.orig_argv, for_children(os.environ))  # noqa: S606 - itself


def _working_directory() -> Path | None:
    try:
        here = Path.cwd()
    except OSError:  # it has been deleted
        return None
    return None if here == OWN else here


def _absolute(entry: str, here: Path) -> Path:
    return Path(os.path.normpath(here / entry))


def _is(entry: str, here: Path) -> bool:
    return _absolute(entry, here) == here
