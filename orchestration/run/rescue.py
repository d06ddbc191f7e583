"""When Ray has died under a run: the program begins anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from orchestration import store
from orchestration.errors import StorageError, UserError
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import CHECKPOINT_NOW, RAY_LOG
from orchestration.ledger.processes import end_left_behind
from orchestration.ledger.recovery import recover
from orchestration.run.end import end, say_behind
from orchestration.run.interruption import done_again
from orchestration.run.request import Request
from orchestration.run.restart import MOST, deaths, signals_fd
from orchestration.run.start import mend
from orchestration.run.stop import stop_requested
from orchestration.run.sweep_run import SweepRun
from orchestration.signals import asked_before, drop_blocked, unblock
from orchestration.terminal.console import Console
from orchestration.tracking.place import Place
from orchestration.tracking.syncer import Syncer
from orchestration.tracking.thread import TrackingThread

TRACKING_END_S = 30.0
"""For so long at most MLflow is told how an interrupted sweep stands."""


@dataclass
class Rescue:
    """Saves a sweep whose Ray has died: this program begins anew, at once, and continues it.

    Where that was asked to stop, or where Ray dies again and again before anything gets done, the
    new one cleans up and ends.
    """

    run: SweepRun

    def __call__(self, what: str) -> None:
        """Does not return; the main thread may be waiting for Ray."""
        request, console, results = self.run.request, self.run.console, self.run.results
        died = 1 if results is not None and results.taken else deaths() + 1
        console.warning(f"{what} died (killed, or out of memory; see {request.folder}/{RAY_LOG})")
        console.give_back()
        # Every way to ask for an end is a signal: the new program hears of those that have come.
        noted_in = None if self.run.reuse is None else request.folder
        request.program.again(died, self.run.signals.hand_over(), noted_in)


def not_started_again(run: SweepRun, error: UserError) -> NoReturn:
    """Count it as a death of Ray's that it could not be started after one: begin anew, or end.

    Else trials would stay as the first death has left them.
    """
    for line in error.lines:
        run.console.warning(line)
    run.console.give_back()
    run.request.program.again(deaths() + 1, run.signals.hand_over(), None)


def begin_anew(request: Request, place: Place, console: Console) -> bool:
    """What a program does first that took the place of one under which Ray had died.

    It ends and removes what that one left behind. Call with the sweep's lock held.

    Returns:
        Whether the sweep is to be continued; else it was brought to rest, and that was said.
    """
    folder = request.folder
    end_left_behind(folder)
    store.remove(folder / CHECKPOINT_NOW)
    asked = asked_before(signals_fd()) or stop_requested(folder)
    if not asked and deaths() < MOST:
        unblock()
        console.line("Ray is started anew, and the sweep continues")
        return True
    drop_blocked()
    lost = "interrupted; nothing is lost. To continue:"
    if Ledger.exists(folder):
        lost = _bring_to_rest(folder, place, console)
    console.quiet = False
    if not asked:
        console.line(f"Ray died {deaths()} times in a row before anything got done")
    console.line(lost)
    console.line(request.command)
    return False


def _bring_to_rest(folder: Path, place: Place, console: Console) -> str:
    """Note how the sweep stands, here and in MLflow; what of it is done again."""
    try:
        ledger = Ledger.open(folder)
        mend(ledger, console)
        epochs = len(recover(ledger))
        end(ledger)
    except StorageError as error:
        for line in error.lines:
            console.warning(line)
        return "interrupted. To continue:"
    thread = TrackingThread(Syncer(place, ledger), lambda _: None)
    thread.start()
    if not thread.finish(TRACKING_END_S):
        say_behind(ledger, console)
    return done_again(ledger, epochs)
