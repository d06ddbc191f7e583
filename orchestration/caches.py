"""The folders of a user's in which data sets and decoded images are kept."""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.directory import checked


def default_data_root() -> Path:
    """Where data sets are downloaded to unless another folder is named."""
    from platformdirs import user_cache_path

    return user_cache_path("cvae-sweep") / "data"


def cache_folder() -> Path:
    """Where decoded images are kept: ``$CVAE_SWEEP_CACHE``, else a cache folder of the user's."""
    from platformdirs import user_cache_path

    named = os.environ.get("CVAE_SWEEP_CACHE")
    return checked(Path(named)) if named else user_cache_path("cvae-sweep") / "decoded"
