"""Whether the storage folder can hold sweeps: writes, locks, renames."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import psutil
from filelock import Timeout

from cvae_core.shell import shell_line
from orchestration import store
from orchestration.doctor.finding import Finding, ok, problem, reason, warning
from orchestration.doctor.subject import Subject, nearest_existing
from orchestration.errors import StorageError
from orchestration.ledger.lock import file_lock
from orchestration.ledger.paths import LOCK

NAME = "storage"
ANOTHER = "Choose another place with --storage."
NETWORK = ("nfs", "cifs", "smb", "afs", "ceph", "lustre", "gluster", "9p", "fuse.sshfs", "beegfs")
LOCAL_LOCKS = {"nolock", "local_lock=all", "local_lock=flock", "localflock"}
"""Options of NFS and Lustre with which other machines see nothing of a lock."""


def check_storage(subject: Subject) -> list[Finding]:
    """Try it in the storage folder or, where that is not there yet, in the one above it."""
    storage = subject.storage.absolute()
    place = nearest_existing(storage)
    where = f"{storage}" if place == storage else f"{place} (where {storage} will be made)"
    if not place.is_dir():
        return [problem(NAME, f"{place} is a file", ANOTHER)]
    try:
        # In a folder of its own, so that all of it goes again.
        with tempfile.TemporaryDirectory(prefix=".cvae-doctor-", dir=place) as folder:
            missing = _try(Path(folder))
    except (OSError, StorageError) as error:
        look = shell_line("ls", "-ld", str(place))
        advice = f"Make it writable for you (`{look}`), or choose another with --storage."
        return [problem(NAME, f"{where} cannot be written: {reason(error)}", advice)]
    if missing:
        return [problem(NAME, f"{where}: {missing}", ANOTHER)]
    system = file_system(place)
    if system.startswith(NETWORK):
        alone = LOCAL_LOCKS.intersection(mount_options(place))
        return [
            *(
                warning(
                    NAME,
                    f"{where} is mounted with {option}: its locks hold on this machine alone, and "
                    "do not keep commands on two machines from working on one sweep",
                    "Have it mounted without that option, or start commands on one machine only.",
                )
                for option in sorted(alone)
            ),
            warning(
                NAME,
                f"{where} works, and is a network file system ({system})",
                "Keep MLflow's database off it: set tracking_uri in mlflow.yaml to a local "
                "sqlite:/// path or a server.",
            ),
        ]
    return [ok(NAME, f"{where}: writes, locks and renames work")]


def _try(folder: Path) -> str | None:
    """What does not work there; None where all does."""
    for content in (b"before", b"after"):
        store.write_bytes(folder / "file", content)
    if (folder / "file").read_bytes() != b"after":
        return "a file that is renamed over another does not replace it"
    first, second = (file_lock(folder / LOCK) for _ in range(2))
    try:
        with first.acquire(timeout=0), second.acquire(timeout=0):
            return "two processes can hold the same file lock"
    except Timeout:
        return None
    except OSError as error:
        return f"there are no file locks ({reason(error)})"


def file_system(path: Path) -> str:
    """Name of the kind of file system that a path is on; empty where it is not known."""
    mount = _mount(path)
    return str(mount.fstype) if mount else ""


def mount_options(path: Path) -> list[str]:
    """Options with which the file system of a path is mounted; none where they are not known."""
    mount = _mount(path)
    return str(mount.opts).split(",") if mount else []


def _mount(path: Path) -> Any:
    mounts = psutil.disk_partitions(all=True)
    above = [mount for mount in mounts if path.resolve().is_relative_to(mount.mountpoint)]
    deepest = max((len(mount.mountpoint) for mount in above), default=0)
    # Of two mounts on one place the later one is seen.
    return next((m for m in reversed(above) if len(m.mountpoint) == deepest), None)
