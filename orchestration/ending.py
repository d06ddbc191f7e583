"""How a run comes to its end: in good order, or because Ray has died under it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from orchestration import store
from orchestration.console import Console
from orchestration.documents import end_attempt
from orchestration.door import Door
from orchestration.errors import StorageError
from orchestration.interrupt import hold_back, let_through
from orchestration.ledger import Ledger
from orchestration.lock import locked
from orchestration.preparation import Request
from orchestration.processes import end_left_behind
from orchestration.redact import without_secrets
from orchestration.restart import MOST, deaths, told_to_stop
from orchestration.stopping import stop_requested


def end(ledger: Ledger, *, interrupted: bool) -> None:
    """Bring every state to rest.

    Raises:
        StorageError: it cannot be written down.
    """
    for trial in list(ledger.trials.values()):
        if trial.state == "running":
            ledger.change(trial.key, lambda t: end_attempt(t, "interrupted", "pending"))
    failed = any(trial.state == "failed" for trial in ledger.planned())
    # An evaluation of a sweep that was interrupted does not finish it.
    interrupted |= any(trial.state == "pending" for trial in ledger.planned())
    ledger.sweep.outcome = "interrupted" if interrupted else "failed" if failed else "finished"
    ledger.save_sweep()


def ended_early(error: Exception, request: Request, ledger: Ledger, console: Console) -> int:
    """Say why a run could not go on, and what continues it; the exit code."""
    console.quiet = False
    if isinstance(error, StorageError):
        # What is written down is whole; what could not be is done again.
        lines, code = error.lines, 130
    else:
        log = request.folder / "logs" / "error.txt"
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        reason = without_secrets(reason)
        lines, code = (f"an error of cvae-sweep itself: {reason}; its traceback is in {log}",), 1
        with suppress(StorageError):
            told = without_secrets(traceback.format_exc())
            store.write_bytes(log, told.encode(errors="backslashreplace"))
    with suppress(StorageError):
        end(ledger, interrupted=True)
    for line in lines:
        console.warning(line)
    console.line("ended early; what was written down is kept. To continue:")
    console.line(request.command)
    return code


@dataclass
class Rescue:
    """Saves a sweep whose Ray has died: this program begins anew, at once, and continues it.

    Where that was asked to stop, or where Ray dies again and again before anything gets done, the
    new one cleans up and ends.
    """

    request: Request
    console: Console
    asked_to_end: Callable[[], bool]
    door: Door | None = None

    def __call__(self, what: str) -> None:
        """Does not return; the main thread may be waiting for Ray."""
        died = 1 if self.door is not None and self.door.taken else deaths() + 1
        self.console.warning(
            f"{what} died (killed, or out of memory; see {self.request.folder}/logs/ray.log)"
        )
        self.console.give_back()
        hold_back()
        self.request.program.again(died, stop=self._stopping())

    def _stopping(self) -> bool:
        asked = self.asked_to_end() or stop_requested(self.request.folder)
        return asked or (self.door is not None and self.door.stopping)


def begin_anew(request: Request, console: Console) -> bool:
    """What a program does first that took the place of one under which Ray had died.

    It ends and removes what that one left behind.

    Returns:
        Whether the sweep is to be continued; else it was brought to rest, and that was said.

    Raises:
        UserError: another command has taken the sweep over meanwhile.
    """
    folder = request.folder
    stop = told_to_stop() or stop_requested(folder)
    with locked(folder):
        end_left_behind(folder)
        again = not stop and deaths() <= MOST
        if not again and Ledger.exists(folder):
            with suppress(StorageError):
                ledger = Ledger.open(folder)
                ledger.recover()
                end(ledger, interrupted=True)
    let_through()
    if again:
        console.line("Ray is started anew, and the sweep continues")
        return True
    console.quiet = False
    if not stop:
        console.line(f"Ray died {deaths()} times in a row before anything got done")
    console.line("interrupted; nothing is lost. To continue:")
    console.line(request.command)
    return False
