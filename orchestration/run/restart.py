"""This program, begun anew in the same process: what is left when Ray's own processes have died.

Ray ends a driver under which it has died, without a word: seconds later, or within a tenth of one.
So the program that dies does nothing more, and the one that takes its place cleans up after it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from orchestration.background import meanwhile

VARIABLE = "CVAE_SWEEP_RAY_DIED"
"""Set where a command goes on after Ray's death: how often in a row nothing was done before it."""
SIGNALS_FD = "CVAE_SWEEP_SIGNALS_FD"
"""Set there as well: the file descriptor from which the signals are read that the command got."""
NOTED_IN = "CVAE_SWEEP_NOTED_IN"
"""Set there once the plan is noted: the sweep's folder, whose ledger says what was asked for."""
MOST = 3
"""So many deaths in a row, with nothing done between them, end the command."""
EVERY_S = 0.01


@dataclass(frozen=True)
class Program:
    """How this program was started."""

    arguments: tuple[str, ...] = field(default_factory=lambda: tuple(sys.orig_argv))
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def again(self, died: int, descriptor: int, noted_in: Path | None) -> NoReturn:
        """Replace this process by one that was started in the same way.

        Args:
            died: how often in a row Ray has died.
            descriptor: file descriptor from which received signals are read.
            noted_in: the sweep's folder, if its plan is noted there by now.
        """
        environment = {**self.environment, VARIABLE: str(died), SIGNALS_FD: str(descriptor)}
        if noted_in is not None:
            environment[NOTED_IN] = str(noted_in)
        os.execve(sys.executable, list(self.arguments), environment)  # noqa: S606 - itself


def deaths() -> int:
    """How often in a row Ray has died under this command before it got anything done."""
    return _number(VARIABLE)


def signals_fd() -> int:
    """File descriptor from which the signals are read that the program before this one got."""
    return _number(SIGNALS_FD)


def noted_in() -> Path | None:
    """Folder of the sweep whose plan this command had noted before Ray died under it."""
    noted = os.environ.get(NOTED_IN)
    return Path(noted) if noted and deaths() else None


def _number(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdigit() else 0


@contextmanager
def watching(died: Callable[[], str | None], then: Callable[[str], None]) -> Iterator[None]:
    """Look many times a second whether something has died meanwhile; if so, say it once.

    Args:
        died: its name; None while it lives.
        then: called in a thread, since the main thread may wait for what is dead.
    """

    def look() -> bool:
        name = died()
        if name is not None:
            then(name)
        return name is not None

    try:
        with meanwhile("Ray's life", EVERY_S, look):
            yield
    finally:
        look()
