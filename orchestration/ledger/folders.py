"""The folders of sweeps in a storage folder: which there are, and what is told from outside."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from orchestration import store
from orchestration.commands import command_line
from orchestration.errors import UserError
from orchestration.ledger.documents import Sweep, checked
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.lock import holder
from orchestration.ledger.paths import SWEEP, TRIALS, sweep_names


def read_sweep(folder: Path) -> Sweep:
    """A sweep's own document, without its trials.

    Raises:
        UserError: it is damaged.
    """
    path = folder / SWEEP
    return checked(Sweep, store.read_document(path), path)


def last_change(folder: Path) -> float:
    """When a sweep or one of its trials was last written, in seconds since 1970."""
    # Each is renamed into its folder, and a folder's time is that of the last rename.
    times = []
    for path in (folder / SWEEP, folder / TRIALS):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times, default=0.0)


def sweep_folder(name: str, storage: Path, *, begun: bool = True) -> Path:
    """Folder of a sweep.

    Args:
        name: of the sweep.
        storage: folder of all sweeps.
        begun: whether it has to have a plan; else it will do that a command prepares it.

    Raises:
        UserError: there is no such sweep.
    """
    # It is one folder's name, whatever a path might lead to.
    named = name not in ("", "..") and Path(name).name == name
    if not named or not Ledger.exists(storage / name):
        holds = holder(storage / name) if named else None
        if holds is not None and not begun:
            return storage / name
        if holds is not None:
            raise UserError(
                f"{storage / name}: is being prepared by {holds}; nothing is known of it yet"
            )
        known = sweep_names(storage)
        there = f"; there are: {', '.join(known)}" if known else ""
        if Path(name).suffix in (".yaml", ".yml"):
            there += "; a sweep's name is wanted here, not its file, which "
            there += f"`{command_line('run')}` takes"
        raise UserError(f"there is no sweep {name!r} in {storage}{there}")
    return storage / name
