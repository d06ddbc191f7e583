"""How a run comes to its end: what the ledger and a person are told."""

from __future__ import annotations

import traceback
from contextlib import suppress

from orchestration import store
from orchestration.commands import sweep_command
from orchestration.errors import INTERRUPTED, StorageError, UserError
from orchestration.ledger.documents import end_attempt
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import ERROR_LOG
from orchestration.ledger.recovery import recover
from orchestration.redact import without_secrets
from orchestration.report.report_file import note_results
from orchestration.run.request import Request
from orchestration.status.state import counts_in, state_of
from orchestration.terminal.console import Console


def end(ledger: Ledger) -> None:
    """Bring every trial to rest, and note how the sweep stands.

    Raises:
        StorageError: it cannot be written down.
    """
    ledger.save_unwritten()
    for trial in list(ledger.trials.values()):
        if trial.state == "running":
            ledger.change(trial.key, lambda t: end_attempt(t, "interrupted", "pending"))
    note_state(ledger)


def note_state(ledger: Ledger) -> None:
    """Note how a sweep stands at which nobody works any more; MLflow is told the same.

    Raises:
        StorageError: it cannot be written down.
    """
    ledger.sweep.outcome = state_of(counts_in(ledger))
    ledger.save_sweep()


def ended_early(error: Exception, request: Request, ledger: Ledger, console: Console) -> int:
    """Say why a run could not go on, and what continues it; the exit code."""
    console.quiet = False
    if isinstance(error, StorageError):
        # What is written down is whole; what could not be is done again.
        lines, code = error.lines, INTERRUPTED
    elif isinstance(error, UserError):  # that only the search itself could show
        lines, code = error.lines, 2
    else:
        log = request.folder / ERROR_LOG
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        reason = without_secrets(reason)
        lines, code = (f"an error of cvae-sweep itself: {reason}; its traceback is in {log}",), 1
        with suppress(StorageError):
            told = without_secrets(traceback.format_exc())
            store.write_bytes(log, told.encode(errors="backslashreplace"))
    with suppress(StorageError):
        end(ledger)
    for line in lines:
        console.warning(line)
    console.line("ended early; what was written down is kept. To continue:")
    console.line(request.command)
    return code


def bring_to_rest(ledger: Ledger) -> None:
    """Do what a driver that died could not: note that nothing runs, and how the sweep stands.

    Args:
        ledger: of the sweep; its lock is held.
    """
    recover(ledger)
    note_results(ledger)
    note_state(ledger)


def say_behind(ledger: Ledger, console: Console) -> None:
    """Say which command brings MLflow up to date."""
    command = sweep_command("sync", ledger.folder)
    console.warning(f"MLflow is not up to date; when it answers again: {command}")
