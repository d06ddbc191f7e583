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


class Output(io.TextIOWrapper):
    """A standard stream that drops what nobody takes, and knows that it did."""

    refusal: OSError | None = None
    """Why something was dropped."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self.refusal = error
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self.refusal = error


def take_over() -> None:
    """Make both standard streams such that they can always be written to; the first thing to do."""
    _reopen_closed()
    for name in ("stdout", "stderr"):
        found = getattr(sys, name)
        if not isinstance(found, io.TextIOWrapper):
            continue  # somebody else's, who starts this program from theirs
        encoding, lines, through = found.encoding, found.line_buffering, found.write_through
        # Characters that its encoding lacks are written as escapes, as \\u03b2 for β.
        errors = "backslashreplace"
        output = Output(found.detach(), encoding, errors, None, lines, through)
        setattr(sys, name, output)
        setattr(sys, f"__{name}__", output)


def _reopen_closed() -> None:
    """Put the null device where a standard stream was closed (``>&-``).

    Else the next file that is opened gets its number, and what is printed is written into that.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


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


def refusal() -> OSError | None:
    """Why something that was printed was dropped; None: nothing was."""
    flush()
    return getattr(sys.stdout, "refusal", None)


def let_go() -> None:
    """Drop what nobody takes: Python's own flush at the end would change the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        if isinstance(stream, Output) and stream.refusal is not None:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
