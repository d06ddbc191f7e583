"""Standard output and standard error, which are never a reason to end the work."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

GONE = (OSError, ValueError)
"""What a stream raises that takes nothing any more: a broken pipe, a full disk, a closed file."""


def escape_unknown(*streams: TextIO) -> None:
    """Have characters that a stream's encoding lacks written as escapes, as ``\\u03b2`` for β."""
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            with suppress(*GONE):
                stream.reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write out what waits in both streams, as far as they take it."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(*GONE):
            stream.flush()


def let_go() -> None:
    """Drop what nobody takes: Python's own flush at the end would change the exit code."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
        except ValueError:
            pass  # closed: nothing waits in it
