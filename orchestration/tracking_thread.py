"""Tracking off the training path: a thread that follows the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import store
from orchestration.documents import Evaluated, Sweep, Trial
from orchestration.errors import UserError
from orchestration.ledger import Ledger
from orchestration.redact import without_secrets

if TYPE_CHECKING:
    from orchestration.tracking import Tracker

EVERY_S = 2.0
AFTER_FAILURE_S = 30.0
FILE = "tracking.json"
PARENT = "parent"


class TrackingThread:
    """Brings MLflow up to date every few seconds, in batches; its failures never stop a sweep.

    Args:
        tracker: of the sweep.
        ledger: that it follows.
        warn: told, once, when MLflow stops answering.
    """

    def __init__(self, tracker: Tracker, ledger: Ledger, warn: Callable[[str], None]) -> None:
        self._tracker = tracker
        self._ledger = ledger
        self._warn = warn
        self._done = read_signatures(ledger.folder)
        self._wake = threading.Event()
        self._ending = False
        self._failing = False
        self._thread = threading.Thread(target=self._follow, name="tracking", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def finish(self, timeout_s: float) -> bool:
        """Bring everything up to date a last time; whether that worked."""
        self._ending = True
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and not self._failing

    def _follow(self) -> None:
        while not self._ending:
            self._bring()
            self._wake.wait(AFTER_FAILURE_S if self._failing else EVERY_S)
        self._bring()

    def _bring(self) -> None:
        try:
            before = dict(self._done)
            parent = sweep_signature(self._ledger.sweep)
            self._tracker.bring_parent(self._ledger)
            self._done[PARENT] = parent
            for trial in list(self._ledger.trials.values()):
                signature = trial_signature(trial)
                if self._done.get(trial.key) != signature:
                    self._tracker.bring_trial(self._ledger, trial.key)
                    self._done[trial.key] = signature
            if self._done != before:
                store.write_document(self._ledger.folder / FILE, {"brought": self._done})
        except Exception as error:  # whatever MLflow raises: training goes on without it
            first, self._failing = not self._failing, True
            if first:
                reason = without_secrets(str(error))
                with suppress(Exception):  # the thread is to live on, whoever is told
                    self._warn(
                        f"MLflow does not take what it is given ({reason}); training goes on"
                    )
            # What arrived of it is not known any more: ask MLflow the next time.
            self._tracker.forget()
        else:
            self._failing = False


def trial_signature(trial: Trial) -> str:
    """Changes whenever there is something to tell MLflow about a trial."""
    parts = _parts(trial.evaluations)
    return f"{trial.state} {len(trial.attempts)} {trial.epoch} {len(trial.checkpoints)} {parts}"


def sweep_signature(sweep: Sweep) -> str:
    """Changes whenever there is something to tell MLflow about the sweep itself."""
    return f"{sweep.outcome} {_parts(sweep.evaluations)}".strip()


def _parts(evaluations: Mapping[str, Evaluated]) -> str:
    return ",".join(
        f"{name}={part.state}{part.ended or ''}" for name, part in sorted(evaluations.items())
    )


def read_signatures(folder: Path) -> dict[str, str]:
    """What MLflow has been told already, by trial key."""
    try:
        brought: dict[str, str] = store.read_document(folder / FILE)["brought"]
    except (FileNotFoundError, UserError):
        return {}
    return brought


def forget_signatures(folder: Path) -> None:
    """Let a tracking server that is new to the sweep be told everything."""
    store.remove(folder / FILE)


def up_to_date(ledger: Ledger) -> bool:
    """Whether MLflow has been told everything, how the sweep ended included, without asking it."""
    brought = read_signatures(ledger.folder)
    told = all(brought.get(trial.key) == trial_signature(trial) for trial in ledger.trials.values())
    return told and brought.get(PARENT) == sweep_signature(ledger.sweep)
