"""What takes a while: a spinner with a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.text import Text

from orchestration.terminal.printable import printable
from orchestration.words import duration

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
BAR = 20
QUIET_S = 2.0
LINES_S = 5.0


class Busy:
    """Something under way, with how far it is where that is known.

    Args:
        text: what is done.
        line: prints a line, where nothing can be drawn.
    """

    def __init__(self, text: str, line: Callable[[str], None] | None = None) -> None:
        self._text = text
        self._line = line
        self._began = time.monotonic()
        self._next = self._began + QUIET_S
        self._part = ""
        self._part_began = self._began
        self._done = (0, 0)

    def progress(self, what: str, done: int, total: int) -> None:
        """Take notice of how far a part of it is; ``total`` 0 where nobody knows."""
        if what != self._part:
            self._part, self._part_began = what, time.monotonic()
        self._done = (done, total)
        if self._line is not None and time.monotonic() >= self._next:
            self._next = time.monotonic() + LINES_S
            self._line(f"{self._text}: {what}: {self._amount()}")

    def frame(self, width: int, height: int) -> list[Text]:
        """One line that fits."""
        seconds = time.monotonic() - self._began
        wheel = SPINNER[int(seconds * 4) % len(SPINNER)]
        line = Text(f"{wheel} {printable(self._text)} … {seconds:.0f} s", style="cyan")
        if self._part:
            line.append(f"  {printable(self._part)} {self._bar()}{self._amount()}{self._left()}")
        line.truncate(width, overflow="ellipsis")
        return [line]

    def _amount(self) -> str:
        done, total = self._done
        return f"{done:,}" + (f" of {total:,}" if total else "")

    def _bar(self) -> str:
        done, total = self._done
        filled = BAR * done // total if total else 0
        return f"{'━' * filled}{'╌' * (BAR - filled)} " if total else ""

    def _left(self) -> str:
        done, total = self._done
        if not done or not total:
            return ""
        seconds = (time.monotonic() - self._part_began) * (total - done) / done
        return f", {duration(seconds)} left"
