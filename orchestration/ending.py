"""How a run comes to its end: in good order, or because Ray has died under it."""

from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestration import store
from orchestration.bringing import Bringer, Place
from orchestration.console import Console
from orchestration.documents import end_attempt
from orchestration.door import Door
from orchestration.entry import mend
from orchestration.errors import StorageError
from orchestration.interrupt import Heard, heard_there, let_through, take_note
from orchestration.jobs import CHECKPOINT_NOW
from orchestration.ledger import Ledger
from orchestration.preparation import Request
from orchestration.processes import end_left_behind
from orchestration.redact import without_secrets
from orchestration.restart import MOST, deaths, ear
from orchestration.stopping import stop_requested
from orchestration.sync import say_behind
from orchestration.tracking_thread import TrackingThread

TRACKING_END_S = 30.0
"""For so long at most MLflow is told how an interrupted sweep stands."""


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
    heard: Heard
    door: Door | None = None

    def __call__(self, what: str) -> None:
        """Does not return; the main thread may be waiting for Ray."""
        died = 1 if self.door is not None and self.door.taken else deaths() + 1
        self.console.warning(
            f"{what} died (killed, or out of memory; see {self.request.folder}/logs/ray.log)"
        )
        self.console.give_back()
        # Every way to ask for an end is a signal: the new program hears of those that have come.
        self.request.program.again(died, self.heard.hand_over())


def begin_anew(request: Request, place: Place, console: Console) -> bool:
    """What a program does first that took the place of one under which Ray had died.

    It ends and removes what that one left behind. Call with the sweep's lock held.

    Returns:
        Whether the sweep is to be continued; else it was brought to rest, and that was said.
    """
    folder = request.folder
    end_left_behind(folder)
    store.remove(folder / CHECKPOINT_NOW)
    asked = heard_there(ear()) or stop_requested(folder)
    if not asked and deaths() <= MOST:
        let_through()
        console.line("Ray is started anew, and the sweep continues")
        return True
    take_note()
    if Ledger.exists(folder):
        _bring_to_rest(folder, place, console)
    console.quiet = False
    if not asked:
        console.line(f"Ray died {deaths()} times in a row before anything got done")
    console.line("interrupted; nothing is lost. To continue:")
    console.line(request.command)
    return False


def _bring_to_rest(folder: Path, place: Place, console: Console) -> None:
    try:
        ledger = Ledger.open(folder)
        mend(ledger, console)
        ledger.recover()
        end(ledger, interrupted=True)
    except StorageError as error:
        for line in error.lines:
            console.warning(line)
        return
    thread = TrackingThread(Bringer(place, ledger), lambda _: None)
    thread.start()
    if not thread.finish(TRACKING_END_S):
        say_behind(ledger, console)
