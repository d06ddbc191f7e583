"""The folder of all sweeps."""

from __future__ import annotations

import os
from pathlib import Path

STORAGE_VARIABLE = "CVAE_SWEEP_STORAGE"


def storage_folder(storage: str | Path | None = None) -> Path:
    """Folder of all sweeps: as given, else ``CVAE_SWEEP_STORAGE``, else ``./runs``."""
    return Path(storage or os.environ.get(STORAGE_VARIABLE) or "runs")


def sweep_names(storage: Path) -> list[str]:
    """Names of the sweeps in a storage folder."""
    return sorted(path.parent.name for path in storage.glob("*/sweep.json"))
