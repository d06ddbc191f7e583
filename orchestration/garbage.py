"""How often Python looks for garbage while modules are imported.

Hundreds of thousands of objects come with them, and stay: Python's own 700 new ones between two
looks suit small programs, and take a third of the time that PyTorch takes to be imported.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

EVERY = 50_000
"""New objects between two looks."""


def look_rarely() -> None:
    """Look for garbage rarely from now on."""
    gc.set_threshold(EVERY, *gc.get_threshold()[1:])


@contextmanager
def importing() -> Iterator[None]:
    """Look rarely meanwhile; what is there afterwards is never looked through."""
    before = gc.get_threshold()
    look_rarely()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*before)
