"""How a run comes to its end: in good order, or because Ray has died under it."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from dataclasses import dataclass

from orchestration import store
from orchestration.console import Console
from orchestration.documents import end_attempt
from orchestration.door import Door
from orchestration.errors import StorageError
from orchestration.ledger import Ledger
from orchestration.preparation import Request
from orchestration.processes import ProcessRecord
from orchestration.redact import without_secrets
from orchestration.restart import MOST, deaths

PATIENCE_S = 1.0


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
    """Saves a sweep whose Ray has died: this program begins anew and continues it.

    Where that was asked to stop, or where Ray dies again and again before anything gets done, it
    ends instead. Ray itself would end this process seconds later, without a word.
    """

    request: Request
    console: Console
    processes: ProcessRecord
    ledger: Ledger | None = None
    door: Door | None = None

    def __call__(self, what: str) -> None:
        """Does not return; the main thread may be waiting for Ray."""
        stopping = self.door is not None and self.door.stopping
        died = 1 if self.door is not None and self.door.taken else deaths() + 1
        again = not stopping and died <= MOST
        self.console.warning(
            f"{what} died (killed, or out of memory; see {self.request.folder}/logs/ray.log)"
            + ("; Ray is started anew, and the sweep continues" if again else "")
        )
        if not again and self.ledger is not None:
            with suppress(StorageError):
                end(self.ledger, interrupted=True)
        self.console.rest()
        # What Ray says of its end is not for people.
        self.processes.clear(PATIENCE_S)
        self.console.give_back()
        if again:
            self.request.program.again(died)
        if not stopping:
            self.console.line(f"Ray died {died} times in a row before anything got done")
        self.console.line("interrupted; nothing is lost. To continue:")
        self.console.line(self.request.command)
        os._exit(130)
