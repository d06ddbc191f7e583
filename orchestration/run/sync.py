"""``sync``: MLflow's runs brought to what the ledger says, without training anything."""

from __future__ import annotations

from pathlib import Path

from orchestration.commands import sweep_command
from orchestration.errors import UserError
from orchestration.ledger.folders import sweep_folder
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.lock import locked
from orchestration.ledger.processes import end_left_behind
from orchestration.redact import without_credentials
from orchestration.run.end import bring_to_rest, say_behind
from orchestration.run.request import Flags
from orchestration.run.resume import check_name, stored_flags
from orchestration.run.start import note_tracking
from orchestration.run.stop import stoppable
from orchestration.terminal.console import Console
from orchestration.tracking.config import load_mlflow_config, resolved_uri
from orchestration.tracking.pages import how_to_look
from orchestration.tracking.place import Place
from orchestration.tracking.reachable import check_reachable
from orchestration.tracking.syncer import Syncer, forget_signatures
from orchestration.tracking.thread import reason_of
from orchestration.words import count


def sync_sweep(name: str, storage: Path, tracking_uri: str | None, console: Console) -> int:
    """Tell MLflow everything of a sweep, as if it had been told nothing.

    Args:
        name: of the sweep.
        storage: folder of all sweeps.
        tracking_uri: from the command line; None: where the sweep was tracked last.
        console: told how many runs were brought.

    Returns:
        Exit code: 0.

    Raises:
        UserError: there is no such sweep, it is at work, or MLflow does not answer.
    """
    folder = sweep_folder(name, storage)
    stored = stored_flags(Ledger.open(folder).sweep)
    config = load_mlflow_config(Flags(tracking_uri=tracking_uri).over(stored).tracking_uri)
    place = Place(resolved_uri(config, storage), config, storage)
    check_reachable(place.uri)  # importing MLflow takes longer than this
    with locked(folder, trains=False), stoppable(folder, console.warning):
        end_left_behind(folder)
        ledger = Ledger.open(folder)
        check_name(folder, ledger.sweep.name)
        with console.busy("connecting MLflow"):
            opened = place.open(ledger.sweep.name)
        opened.tracker.look_at_files()
        forget_signatures(folder)
        bring_to_rest(ledger)
        before = ledger.sweep.tracking_uri
        if tracking_uri is not None:  # the command that continues goes there as well
            ledger.sweep.flags["tracking_uri"] = without_credentials(place.uri)
        note_tracking(ledger, place.uri)
        syncer = Syncer(place, ledger, opened)
        with console.busy("telling MLflow"):
            _bring(syncer)
    console.line(f"{name}: MLflow has been told of {count(syncer.told, 'run')}")
    if tracking_uri is not None and before and before != ledger.sweep.tracking_uri:
        console.line(
            f"from now on {name} is tracked in {ledger.sweep.tracking_uri} (by `run`, if "
            "--tracking-uri or mlflow.yaml says so); to go back:"
        )
        console.line(sweep_command("sync", folder, "--tracking-uri", before))
    for line in how_to_look(ledger.sweep, storage):
        console.line(line)
    return 0


def _bring(syncer: Syncer) -> None:
    try:
        syncer.sync()
    except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
        raise UserError(
            f"MLflow took {count(syncer.told, 'run')}, and then no more "
            f"({reason_of(error)}); run the same command again when it answers"
        ) from error


def catch_up(place: Place, ledger: Ledger, console: Console) -> None:
    """Tell MLflow what it missed of a sweep that has ended; where it is down, say so.

    Args:
        place: of MLflow.
        ledger: of the sweep; its lock is held.
        console: told what is the matter.
    """
    bring_to_rest(ledger)
    note_tracking(ledger, place.uri)
    try:
        with console.busy("MLflow is catching up"):
            Syncer(place, ledger).sync()
    except Exception as error:  # the sweep has ended well all the same
        console.warning(f"MLflow is behind: {reason_of(error)}")
        say_behind(ledger, console)
