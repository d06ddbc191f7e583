"""What a person sees, kept apart from what Ray prints."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

import rich.console
from rich.console import RenderableType
from rich.text import Text

from orchestration.terminal import streams
from orchestration.terminal.busy import Busy
from orchestration.terminal.painter import Frame, Painter, Terminal
from orchestration.terminal.printable import printable

PLAIN_WIDTH = 200
DUMB = ("dumb", "unknown", "")


def _appended(log: Path) -> BinaryIO:
    """A log to be written on; the null device where it cannot be, or its folder's folder is gone:
    what others print is no reason to end."""
    try:
        log.parent.mkdir(exist_ok=True)
        return log.open("ab")
    except OSError:
        return Path(os.devnull).open("wb")


class Console:
    """The standard output that the command was started with.

    What cannot be written, as nobody reads it any more, is dropped: the work goes on.

    Args:
        stream: in place of standard output.
        quiet: say nothing but warnings, and those on standard error.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stdout
        self._errors = sys.stderr
        streams.escape_unknown(self._stream, self._errors)
        self._painter: Painter | None = None
        self._own: list[int] = []
        """Standard output and error, while what others print goes elsewhere."""
        self.quiet = quiet

    @property
    def live(self) -> bool:
        """Whether lines can be redrawn: this is a terminal that knows how, and not to be quiet."""
        steerable = os.environ.get("TERM", "") not in DUMB
        # Elsewhere the frame's characters would be escapes, longer than the terminal is wide.
        unicode = codecs.lookup(self._stream.encoding or "utf-8").name == "utf-8"
        return self._stream.isatty() and steerable and unicode and not self.quiet

    def line(self, text: str = "", style: str = "") -> None:
        """Print a line, at once; above the frame where one is being drawn."""
        if self.quiet:
            return
        painter = self._painter  # read once: another thread may end the painting meanwhile
        with suppress(*streams.GONE):
            if painter is not None:
                painter.say(Text(printable(text), style=style))
            elif style and self._stream.isatty():
                self._print(self._terminal(), Text(printable(text), style=style), wrap=True)
            else:
                print(printable(text), file=self._stream, flush=True)

    def warning(self, text: str) -> None:
        """Print a warning; where there is to be quiet, on standard error."""
        if self.quiet:
            with suppress(*streams.GONE):
                print(f"warning: {printable(text)}", file=self._errors, flush=True)
        else:
            self.line(f"warning: {text}", style="yellow")

    def table(self, table: RenderableType) -> None:
        """Print a table, as wide as it is where the output is no terminal."""
        if self.quiet:
            return
        with suppress(*streams.GONE):
            terminal: rich.console.Console = self._terminal()
            if not self._stream.isatty():
                terminal = rich.console.Console(file=self._stream, width=PLAIN_WIDTH)
            self._print(terminal, table)

    def show(self, part: RenderableType) -> None:
        """Print a line or a table, whichever it is."""
        if isinstance(part, str):
            self.line(part)
        else:
            self.table(part)

    @contextmanager
    def painting(self, frame: Frame) -> Iterator[None]:
        """Draw frames meanwhile; only where ``live``."""
        self._painter = Painter(self._terminal(), frame)
        self._painter.start()
        try:
            yield
        finally:
            self.rest()

    def rest(self) -> None:
        """Take the frame away, if one is drawn; also from another thread, as a last act."""
        painter, self._painter = self._painter, None
        if painter is not None:
            painter.stop()

    def give_back(self) -> None:
        """Leave standard output and error as they were found: this program's image is replaced."""
        self.rest()
        for number, descriptor in enumerate(self._own, start=1):
            os.dup2(descriptor, number)

    @contextmanager
    def busy(self, text: str, *, plain: bool = True) -> Iterator[Busy]:
        """Say what takes a while, with a spinner and the seconds; else as a line, if ``plain``."""
        if not self.live or self._painter is not None:
            if plain:
                self.line(f"{text} …")
            yield Busy(text, self.line)
            return
        busy = Busy(text)
        with self.painting(busy.frame):
            yield busy

    @contextmanager
    def others_to(self, log: Path) -> Iterator[None]:
        """Send what anything else prints, child processes included, to a file meanwhile."""
        streams.flush()
        self._own = saved = [os.dup(1), os.dup(2)]
        own = self._stream, self._errors
        self._stream, self._errors = (
            os.fdopen(os.dup(number), "w", encoding=stream.encoding, errors="backslashreplace")
            for number, stream in enumerate(own, start=1)
        )
        with _appended(log) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            streams.flush()
            for stream in (self._stream, self._errors):
                with suppress(*streams.GONE):
                    stream.close()
            self._stream, self._errors = own
            self._own = []
            for number, descriptor in enumerate(saved, start=1):
                os.dup2(descriptor, number)
                os.close(descriptor)

    def _terminal(self) -> Terminal:
        return Terminal(file=self._stream, highlight=False, markup=False)

    def _print(
        self, terminal: rich.console.Console, what: RenderableType, *, wrap: bool = False
    ) -> None:
        with terminal.capture() as capture:
            terminal.print(what, soft_wrap=wrap)
        # Not by rich, which ends the program where a pipe is broken.
        print(capture.get(), end="", file=self._stream, flush=True)
