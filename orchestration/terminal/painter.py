"""The lower lines of a terminal, redrawn in place by a thread of their own.

Why not rich's ``Live``, tried with rich 15.0 on pseudo-terminals: whoever prints waits for a
terminal that takes nothing (3 s of 3), where a trial's reports are not to; a window made narrower
keeps the rows into which it has broken the old frame; the size is that of standard input or output,
not of the terminal written to, so that it is 80×25 where both are redirected; a frame that has not
changed is written again (9 times in 2 s); and the cursor stays hidden after ``kill -9``.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import rich.console
from rich.console import Group
from rich.text import Text

from orchestration.terminal.streams import GONE

PERIOD_S = 0.25
ERASE = "\r\x1b[2K"
ERASE_AND_UP = f"{ERASE}\x1b[A"
# Line by line: erasing a whole screen at once would copy it into the history of some terminals.

Frame = Callable[[int, int], Sequence[Text]]
"""From the terminal's width and height to lines that fit."""


class Terminal(rich.console.Console):
    """rich's console, with the size of the terminal it writes to, whatever standard output is."""

    @property  # type: ignore[misc]
    def size(self) -> rich.console.ConsoleDimensions:
        """Columns and lines at this moment; $COLUMNS and $LINES win, as elsewhere."""
        try:
            measured = os.get_terminal_size(self.file.fileno())
        except GONE:
            measured = os.terminal_size((0, 0))
        width, height = (
            int(named) if named.isdigit() and int(named) else actual or usual
            for named, actual, usual in (
                (os.environ.get("COLUMNS", ""), measured.columns, 80),
                (os.environ.get("LINES", ""), measured.lines, 24),
            )
        )
        return rich.console.ConsoleDimensions(width, height)


class Painter:
    """Draws a frame, at most four times a second; lines that stay go above it.

    Args:
        terminal: to draw on; nobody else writes there meanwhile.
        frame: called in the painter's thread.
    """

    def __init__(self, terminal: Terminal, frame: Frame) -> None:
        self._terminal = terminal
        self._frame = frame
        self._lasting: deque[Text] = deque()
        self._drawn: list[str] = []
        self._widths: list[int] = []
        self._writing = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="painter", daemon=True)

    def say(self, text: Text) -> None:
        """Have a line printed above the frame; returns at once."""
        self._lasting.append(text)

    def start(self) -> None:
        """Draw the first frame soon, and others after it."""
        self._thread.start()

    def stop(self) -> None:
        """Take the frame away and print what is still to be said."""
        self._ending.set()
        try:
            self._thread.join()
        finally:
            with suppress(*GONE):
                self._draw([])

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                frame = self._frame(*self._terminal.size)
            except Exception:  # lines are printed whatever is wrong with a frame
                frame = []
            try:
                self._draw(frame)
            except GONE:
                return  # the terminal is gone; the work is not
            self._ending.wait(PERIOD_S)

    def _draw(self, frame: Sequence[Text]) -> None:
        with self._writing:
            self._write(frame)

    def _write(self, frame: Sequence[Text]) -> None:
        lasting = [self._lasting.popleft() for _ in range(len(self._lasting))]
        width = self._terminal.size.width
        drawn = self._rendered(frame)
        widths = [line.cell_len for line in frame]
        if drawn == self._drawn and not lasting:
            return
        # A window made narrower has broken the old frame's lines.
        rows = sum(max(1, -(-length // width)) for length in self._widths)
        stay = "".join(f"{line}\n" for line in self._rendered(lasting, wrap=True))
        self._drawn, self._widths = drawn, widths
        above = ERASE_AND_UP * (rows - 1)
        self._terminal.file.write(f"{above}{ERASE if rows else ''}{stay}" + "\n".join(drawn))
        self._terminal.file.flush()

    def _rendered(self, lines: Sequence[Text], *, wrap: bool = False) -> list[str]:
        if not lines:
            return []
        with self._terminal.capture() as capture:
            self._terminal.print(Group(*lines), soft_wrap=wrap, highlight=False)
        return capture.get().removesuffix("\n").split("\n")
