"""``stop``: a request from another terminal, dropped into the sweep's folder.

The command that works on the sweep sees it within a second, and takes it as a first Ctrl-C.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestration import store
from orchestration.background import meanwhile
from orchestration.commands import sweep_command
from orchestration.errors import StorageError, UserError
from orchestration.held import is_lost
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.lock import Holder, holder, note_ending
from orchestration.ledger.paths import HOLDER, STOP, lies_there
from orchestration.signals import NOTICE
from orchestration.status.state import counts_in, state_of
from orchestration.terminal.console import Console

EVERY_S = 0.5
BEAT_S = 60.0
"""So often other machines are shown that this command lives: an evaluation may take an hour."""
PATIENCE_S = 300.0
"""For so long a command is waited for that does not say that it has heard."""


@contextmanager
def stoppable(folder: Path, warn: Callable[[str], None]) -> Iterator[None]:
    """Be stopped by requests meanwhile, and where the folder is removed or renamed.

    Call with the sweep's lock held.

    Args:
        folder: of the sweep.
        warn: told that the folder is gone.
    """
    request, beaten = folder / STOP, time.monotonic()

    def look() -> bool:
        nonlocal beaten
        if is_lost(request):
            warn(f"{folder} was removed or renamed; nothing more is written there, and this ends")
            _end_this()
            return True
        if time.monotonic() - beaten >= BEAT_S:
            beaten = time.monotonic()
            with suppress(OSError):
                os.utime(folder / HOLDER)
        asked = stop_requested(folder)
        if asked:
            note_ending(folder)
            _end_this()
            with suppress(StorageError):
                store.remove(request)
        return asked

    with meanwhile("stop requests", EVERY_S, look):
        yield


def _end_this() -> None:
    """As a first Ctrl-C does; where there was one already, it is not hurried."""
    heard = callable(signal.getsignal(NOTICE))
    os.kill(os.getpid(), NOTICE if heard else signal.SIGTERM)


def stop_requested(folder: Path) -> bool:
    """Whether a request lies there that nobody has seen yet."""
    return lies_there(folder / STOP)


def stop_sweep(folder: Path, console: Console) -> None:
    """Have the command that works on a sweep end gracefully, and wait for that.

    Raises:
        UserError: it does not end.
    """
    holds = holder(folder)
    again = sweep_command("resume", folder)
    if holds is not None and not Ledger.exists(folder):
        again = holds.command  # it has no plan yet that could be resumed
    if holds is None:
        console.line(f"{folder.name}: nothing is at work on this sweep")
    else:
        store.write_document(folder / STOP, {"pid": holds.pid, "at": time.time()})
        console.line(f"{folder.name}: asked {holds} to stop")
        with console.busy("epochs under way are to end, which takes 30 s at most"):
            ended = _wait(folder, holds)
        if not ended:
            store.remove(folder / STOP)
            raise UserError(f"{folder}: {holds} {_what_to_do(holds)}", again)
        console.line(f"{folder.name}: stopped")
    if not Ledger.exists(folder) or state_of(counts_in(Ledger.open(folder))) == "interrupted":
        console.line(f"to continue: {again}")


def _what_to_do(holds: Holder) -> str:
    if holds.is_here:
        return (
            f"does not hear; `kill -9 {holds.pid}` ends it, and the command below cleans up what "
            "it leaves"
        )
    return (
        "has not ended; it may be dead, which cannot be told from here: the command below finds "
        "out, and continues where nobody is at work"
    )


def _wait(folder: Path, holds: Holder) -> bool:
    """Whether it ended; of one on this machine that has heard, it is certain that it will."""
    until = time.monotonic() + PATIENCE_S
    while True:
        now = holder(folder)
        if now is None or (now.pid, now.host) != (holds.pid, holds.host):
            return True
        if time.monotonic() >= until and not (now.ending and now.is_here):
            return False
        time.sleep(EVERY_S / 2)
