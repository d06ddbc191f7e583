"""Whether somebody is at work on a sweep, as far as it can be told from here."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.folders import last_change
from orchestration.ledger.lock import Holder, holder
from orchestration.ledger.paths import HOLDER
from orchestration.ledger.processes import driver_alive

SILENT_S = 900.0
"""A driver on another machine that has written nothing for so long is taken to be gone."""


def is_at_work(folder: Path) -> bool:
    """Whether another command of this machine works on a sweep, or prepares to, or this one's
    driver lives; or one elsewhere has written something lately."""
    if driver_alive(folder):
        return True
    holds = holder(folder)
    if holds is not None and holds.is_here:
        return holds.trains and holds.pid != os.getpid()
    return elsewhere(folder) is not None and silence(folder) < SILENT_S


def silence(folder: Path) -> float:
    """Seconds since something was last written of a sweep, or a command has taken it up."""
    last = last_change(folder)
    with suppress(OSError):
        last = max(last, (folder / HOLDER).stat().st_mtime)
    return time.time() - last


def elsewhere(folder: Path) -> Holder | None:
    """The command of another machine that has noted no end; whether it lives nobody can tell here.

    None for a copy of a folder, at which nobody is at work.
    """
    holds = holder(folder)
    if holds is None or holds.is_here:
        return None
    with suppress(FileNotFoundError, UserError, AttributeError, LookupError):
        # Devices have other numbers on other machines; files have the same on most that share them.
        if store.read_document(folder / HOLDER)["folder"][1] == folder.stat().st_ino:
            return holds
    return None
