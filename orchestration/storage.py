"""The folder of all sweeps."""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.directory import checked, working_directory

STORAGE_VARIABLE = "CVAE_SWEEP_STORAGE"


def storage_folder(storage: str | Path | None = None) -> Path:
    """Folder of all sweeps: as given, else ``CVAE_SWEEP_STORAGE``, else ``./runs``.

    Raises:
        UserError: it is relative, to a folder that was deleted.
    """
    return checked(Path(storage) if storage else _usual())


def storage_flags(storage: Path) -> list[str]:
    """What a command line needs to find a folder of all sweeps; empty where it is the usual one."""
    usual = working_directory() / _usual()
    return [] if storage.resolve() == usual.resolve() else ["--storage", str(storage)]


def _usual() -> Path:
    return Path(os.environ.get(STORAGE_VARIABLE) or "runs")
