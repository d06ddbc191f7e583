"""The folder of all sweeps."""

from __future__ import annotations

import os
from pathlib import Path

STORAGE_VARIABLE = "CVAE_SWEEP_STORAGE"


def storage_folder(storage: str | Path | None = None) -> Path:
    """Folder of all sweeps: as given, else ``CVAE_SWEEP_STORAGE``, else ``./runs``."""
    return Path(storage or os.environ.get(STORAGE_VARIABLE) or "runs")


def storage_flags(storage: Path) -> list[str]:
    """What a command line needs to find a folder of all sweeps; empty where it is the usual one."""
    usual = storage.resolve() == storage_folder().resolve()
    return [] if usual else ["--storage", str(storage)]
