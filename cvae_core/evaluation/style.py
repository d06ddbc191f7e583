"""The style of what is drawn: matplotlib's defaults, whatever a person has chosen for their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHOICES = ("MPLBACKEND", "MATPLOTLIBRC")
"""Variables that name a person's backend and style."""


@contextmanager
def own_style() -> Iterator[None]:
    """What is drawn meanwhile looks the same on every machine; also decorates a function.

    A person's style and backend do not count, and are in force again afterwards.
    """
    matplotlib = _imported()
    with matplotlib.style.context("default"):
        yield


def _imported() -> Any:
    try:
        import matplotlib.style
    except (OSError, ValueError):
        # With a backend that is not installed or a file that is no text it cannot be imported at
        # all, and its first modules lie half made.
        for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[name]
        hidden = {name: os.environ.pop(name) for name in CHOICES if name in os.environ}
        try:
            import matplotlib.style
        finally:
            os.environ.update(hidden)
    return matplotlib
