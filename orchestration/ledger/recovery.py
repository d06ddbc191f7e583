"""What a dead driver, or a lost worker, has left in a sweep's folder, and how it is put right."""

from __future__ import annotations

from pathlib import Path

from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.documents import CheckpointRef, Trial, checked, end_attempt
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import (
    ARTIFACTS,
    CHECKPOINTS,
    STUDIES,
    SWEEP,
    TRIALS,
    documents_in,
    trial_path,
)


def damaged(folder: Path) -> list[Path]:
    """Documents of which the version before is read, because they are damaged."""
    if not Ledger.exists(folder):
        return []
    documents = [folder / SWEEP, *documents_in(folder, TRIALS), *documents_in(folder, STUDIES)]
    return [path for path in documents if store.is_damaged(path)]


def mend(folder: Path) -> list[Path]:
    """Put the version before in the place of each damaged document; the places of those.

    To be called before anything is written: a damaged document is not to become the version
    before of another one.
    """
    paths = damaged(folder)
    for path in paths:
        store.restore(path)
    return paths


def recover(ledger: Ledger) -> list[str]:
    """Put trials that a dead driver left running back in line; their keys.

    Documents that are damaged are replaced by the version before, which is what was read.
    Checkpoints that no document names and writes that were cut off are removed.
    """
    mend(ledger.folder)
    store.remove_parts(ledger.folder)
    for trial in ledger.trials.values():
        before = _checkpoints_before(ledger.folder / trial_path(trial.key))
        ledger.checkpoint_files.opened(trial, before)
    ledger.checkpoint_files.remove_unnamed(ledger.trials.values())
    lost = [trial.key for trial in ledger.trials.values() if trial.state == "running"]
    for key in lost:
        # That the driver died says nothing of the trial.
        ledger.change(key, lambda trial: end_attempt(trial, "lost", "pending", counted=False))
    return lost


def remove_unfinished(ledger: Ledger) -> None:
    """Remove what lost workers have left: writes cut off, and checkpoints never reported.

    Call when no worker writes any more; the driver itself may.
    """
    with ledger.guard:
        for kind in (CHECKPOINTS, ARTIFACTS):
            store.remove_parts(ledger.folder / kind)
        ledger.checkpoint_files.remove_unnamed(ledger.trials.values())


def _checkpoints_before(path: Path) -> list[CheckpointRef]:
    """Checkpoints that the version before of a trial's document names."""
    try:
        return checked(Trial, store.read_document(store.previous(path)), path).checkpoints
    except (FileNotFoundError, UserError):
        return []
