"""How a run comes to its end: what the ledger and a person are told."""

from __future__ import annotations

import shlex
import traceback
from contextlib import suppress

from orchestration import store
from orchestration.commands import program
from orchestration.compare.figure_files import note_search
from orchestration.errors import StorageError
from orchestration.ledger.documents import end_attempt
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import ERROR_LOG
from orchestration.ledger.recovery import recover
from orchestration.redact import without_secrets
from orchestration.run.request import Request
from orchestration.storage import storage_flags
from orchestration.study.progress import to_come_in
from orchestration.terminal.console import Console


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
        log = request.folder / ERROR_LOG
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


def bring_to_rest(ledger: Ledger, *, ended: bool) -> None:
    """Do what a driver that died could not: note that nothing runs, and how the sweep stands.

    Args:
        ledger: of the sweep; its lock is held.
        ended: whether nothing is left to do but what has no trials yet.
    """
    recover(ledger)
    note_search(ledger)
    sweep, planned = ledger.sweep, ledger.planned()
    if not ended and sweep.outcome != "running":
        return
    if not ended or to_come_in(ledger) or any(trial.state == "pending" for trial in planned):
        sweep.outcome = "interrupted"
    else:
        sweep.outcome = "failed" if any(t.state == "failed" for t in planned) else "finished"
    ledger.save_sweep()


def say_behind(ledger: Ledger, console: Console) -> None:
    """Say which command brings MLflow up to date."""
    flags = storage_flags(ledger.folder.parent)
    command = [program("cvae-sweep"), "sync", ledger.sweep.name, *flags]
    console.warning(f"MLflow is not up to date; when it answers again: {shlex.join(command)}")
