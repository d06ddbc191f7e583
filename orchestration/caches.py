"""The folders of a user's in which data sets, decoded images and the like are kept.

Libraries keep files in the home as well: matplotlib its list of fonts, numba what it has compiled,
PyTorch weights, fontconfig its index. In a container there may be no home, or it is read-only.
"""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from orchestration.directory import checked
from orchestration.errors import StorageError

READ_ONLY = "CVAE_SWEEP_READ_ONLY_CACHE"
"""Variable: the folder of caches that can be read alone, while others are kept elsewhere."""
NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""Variables in which Python looks for the user's name before it asks the system."""


def default_data_root() -> Path:
    """Where data sets are downloaded to unless another folder is named."""
    from platformdirs import user_cache_path

    there = Path(os.environ.get(READ_ONLY) or os.devnull, "cvae-sweep", "data")
    return there if _is_folder(there) else user_cache_path("cvae-sweep") / "data"


def cache_folder() -> Path:
    """Where decoded images are kept: ``$CVAE_SWEEP_CACHE``, else a cache folder of the user's."""
    from platformdirs import user_cache_path

    named = os.environ.get("CVAE_SWEEP_CACHE")
    return checked(Path(named)) if named else user_cache_path("cvae-sweep") / "decoded"


@cache
def find_places() -> str | None:
    """Have caches kept in the temporary folder where there is no home that can be written to.

    To be called before libraries are imported; processes that are started inherit it. What it
    says is known to later calls as well.

    Returns:
        What a person is to know of it, in a line; None: all is as usual.

    Raises:
        StorageError: there is no temporary folder either.
    """
    environ = os.environ
    if not any(environ.get(name) for name in NAMES) and _entry() is None:
        environ["USER"] = str(os.getuid())  # getpass.getuser would fail
    if not environ.get("XDG_CACHE_HOME", "").startswith("/"):
        environ.pop("XDG_CACHE_HOME", None)  # as its specification says
    home, wrong = _home()
    if wrong:
        home = _of_this_user() / "home"
        home.mkdir(exist_ok=True)
    environ["HOME"] = str(home)
    caches = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    if not _is_writable(caches):
        wrong = wrong or f"{caches} cannot be written to"
        _move(caches, _of_this_user() / "caches")
    configuration = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "matplotlib"
    if not _is_writable(Path(environ.get("MPLCONFIGDIR") or configuration)):
        environ["MPLCONFIGDIR"] = str(_of_this_user() / "matplotlib")
    return f"{wrong}: what is downloaded or cached is kept in {_of_this_user()}" if wrong else None


def _home() -> tuple[Path, str]:
    """The home, and why it is none, if it is none."""
    entry = _entry()
    named = os.environ.get("HOME") or ("" if entry is None else entry.pw_dir)
    home = Path(named)
    if not named:
        return home, "HOME is not set, and the system knows no home of this user"
    if not home.is_absolute():
        return home, f"HOME is {named}, which is no absolute path"
    return home, "" if _is_folder(home) else f"the home {named} is no folder"


def _entry() -> pwd.struct_passwd | None:
    """What the system knows of this user; a container's user id may be nobody's."""
    try:
        return pwd.getpwuid(os.getuid())
    except KeyError:
        return None


def _move(caches: Path, to: Path) -> None:
    """Keep caches elsewhere, and read there what can only be read here."""
    os.environ["XDG_CACHE_HOME"] = str(to)
    os.environ[READ_ONLY] = str(caches)
    weights = caches / "torch"
    if _is_folder(weights):
        os.environ.setdefault("TORCH_HOME", str(weights))


@cache
def _of_this_user() -> Path:
    """A folder for temporary files that this user alone can write to."""
    try:
        folder = Path(tempfile.gettempdir()) / f"cvae-sweep-{os.getuid()}"
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            folder.chmod(0o700)
            return folder
        return Path(tempfile.mkdtemp(prefix="cvae-sweep-"))  # somebody else has taken the name
    except OSError as error:
        reason = error.strerror or error
        raise StorageError(
            f"there is no home that can be written to, and no folder for temporary files "
            f"({reason}): name one with HOME or TMPDIR"
        ) from None


def _is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, or it can be made."""
    first = next((each for each in _upwards(folder) if os.path.lexists(each)), folder)
    return _is_folder(first) and os.access(first, os.W_OK | os.X_OK)


def _upwards(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # one above it may not be looked into
        return False
