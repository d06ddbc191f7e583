"""What a person sees, kept apart from what Ray prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import rich.console
from rich.table import Table


class Console:
    """Plain lines on the standard output that the command was started with."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    @property
    def terminal(self) -> TextIO | None:
        """The output where it is a terminal, for what is drawn and taken away again."""
        return self._stream if self._stream.isatty() else None

    def line(self, text: str = "") -> None:
        """Print a line, at once."""
        print(text, file=self._stream, flush=True)

    def table(self, table: Table) -> None:
        """Print a table, as wide as it is where the output is no terminal."""
        width = None if self._stream.isatty() else 200
        rich.console.Console(file=self._stream, width=width, highlight=False).print(table)

    @contextmanager
    def others_to(self, log: Path) -> Iterator[None]:
        """Send what anything else prints, child processes included, to a file meanwhile."""
        log.parent.mkdir(parents=True, exist_ok=True)
        sys.stdout.flush()
        sys.stderr.flush()
        saved = [os.dup(1), os.dup(2)]
        own, self._stream = self._stream, os.fdopen(os.dup(1), "w")
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            self._stream.close()
            self._stream = own
            for number, descriptor in enumerate(saved, start=1):
                os.dup2(descriptor, number)
                os.close(descriptor)
