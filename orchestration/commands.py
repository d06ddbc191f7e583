"""How to call an installed program, as a person would have to type it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def program(name: str) -> str:
    """The name where the PATH leads to this environment's program, else its path."""
    own = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if not own.exists() or (found is not None and Path(found).resolve() == own.resolve()):
        return name
    here = Path.cwd()
    return str(own.relative_to(here)) if own.is_relative_to(here) else str(own)
