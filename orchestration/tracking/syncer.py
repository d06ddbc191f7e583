"""MLflow brought to what the ledger says, and a note of what it has been told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.documents import Evaluated, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import TRACKING
from orchestration.tracking.reachable import check_reachable
from orchestration.tracking.refusals import FileRefusedError
from orchestration.tracking.run_fields import PARENT

if TYPE_CHECKING:
    from orchestration.tracking.tracker import Tracker

from orchestration.tracking.place import Opened, Place


class Syncer:
    """Tells MLflow what it has not been told yet.

    Args:
        place: of MLflow.
        ledger: that is told of.
        opened: the same place, where it has been opened already.
    """

    def __init__(self, place: Place, ledger: Ledger, opened: Opened | None = None) -> None:
        self._place = place
        self._ledger = ledger
        self._tracker: Tracker | None = None
        self._shaken = False
        self._done = read_signatures(ledger.folder)
        self.told = 0
        """Runs that were told something, the sweep's own among them; several times each."""
        if opened is not None:
            self._enter(opened)

    def sync(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Bring everything up to date; where there is nothing to tell, nobody is asked.

        Args:
            stop: asked before each run; where it says so, the rest is left for another time.

        Raises:
            UserError: nothing answers.
            Exception: whatever MLflow raises; what has arrived is found out the next time.
        """
        if self._tracker is not None and not self._behind():
            return
        try:
            self._sync(stop)
        except BaseException:
            # The experiment, too: it may be another MLflow that answers the next time.
            self._tracker, self._shaken = None, True
            raise
        if self._shaken:
            # Look once more, later: what was asked for before MLflow went may be done after all.
            self._tracker, self._shaken = None, False

    def _sync(self, stop: Callable[[], bool]) -> None:
        if self._tracker is None:
            self._enter(self._place.open(self._ledger.sweep.name))
        else:
            check_reachable(self._place.uri)
        tracker, before = self._tracker, dict(self._done)
        refused: FileRefusedError | None = None
        if tracker is None:
            raise ValueError("it was just opened")
        try:
            for key in self._in_turn():
                if stop():
                    return
                try:
                    self._done[key] = self._tell(tracker, key)
                    self.told += 1
                except FileRefusedError as error:  # its numbers have arrived: others' may as well
                    refused = refused or error
        finally:
            if self._done != before:
                store.write_document(self._ledger.folder / TRACKING, {"brought": self._done})
        if refused is not None:
            raise refused.reason

    def _tell(self, tracker: Tracker, key: str) -> str:
        """Bring one run up to date; the signature of what it was told."""
        if key != PARENT:
            signature = trial_signature(self._ledger.trials[key])
            tracker.sync_trial(self._ledger, key)
            return signature
        signature, parent = sweep_signature(self._ledger.sweep), self._ledger.sweep.parent_run_id
        try:
            tracker.sync_parent(self._ledger)
        finally:
            if parent not in (None, self._ledger.sweep.parent_run_id):
                # Somebody has deleted the sweep's run: all trials' are to hang below the new one.
                self._done.clear()
        return signature

    def _enter(self, opened: Opened) -> None:
        """Begin with what is there, which need not be what was noted: MLflow has its own life."""
        sweep = self._ledger.sweep
        noted = sweep.experiment, sweep.experiment_id
        sweep.experiment, sweep.experiment_id = opened.experiment, opened.experiment_id
        if noted != (sweep.experiment, sweep.experiment_id):
            self._ledger.save_sweep()
        for key in opened.tracker.astray(self._ledger):
            self._done.pop(key, None)
        self._tracker = opened.tracker

    def _in_turn(self) -> Iterator[str]:
        """Keys of what is to be told; the sweep's own run first, as others hang below it."""
        if PARENT in self._behind():
            yield PARENT
        yield from (key for key in self._behind() if key != PARENT)

    def _behind(self) -> list[str]:
        return behind(self._ledger, self._done)


def trial_signature(trial: Trial) -> str:
    """Changes whenever there is something to tell MLflow about a trial."""
    parts = _parts(trial.evaluations)
    return f"{trial.state} {len(trial.attempts)} {trial.epoch} {len(trial.checkpoints)} {parts}"


def sweep_signature(sweep: Sweep) -> str:
    """Changes whenever there is something to tell MLflow about the sweep itself."""
    spec = json.dumps(sweep.spec, sort_keys=True).encode()
    digest = hashlib.sha256(spec).hexdigest()[:8]
    return f"{sweep.outcome} {digest} {_parts(sweep.evaluations)}".strip()


def _parts(evaluations: Mapping[str, Evaluated]) -> str:
    return ",".join(
        f"{name}={part.state}{part.ended or ''}" for name, part in sorted(dict(evaluations).items())
    )


def read_signatures(folder: Path) -> dict[str, str]:
    """What MLflow has been told already, by trial key."""
    try:
        brought: dict[str, str] = store.read_document(folder / TRACKING)["brought"]
    except (FileNotFoundError, UserError):
        return {}
    return brought


def forget_signatures(folder: Path) -> None:
    """Let MLflow be told everything again."""
    store.remove(folder / TRACKING)


def behind(ledger: Ledger, brought: Mapping[str, str]) -> list[str]:
    """Keys of the runs that MLflow has not been told all of, ``parent`` first.

    Args:
        ledger: of the sweep.
        brought: as ``read_signatures`` gives it.
    """
    signatures = {PARENT: sweep_signature(ledger.sweep)}
    signatures |= {t.key: trial_signature(t) for t in list(ledger.trials.values()) if t.attempts}
    return [key for key, signature in signatures.items() if brought.get(key) != signature]


def up_to_date(ledger: Ledger) -> bool:
    """Whether MLflow has been told everything, how the sweep ended included, without asking it."""
    return not behind(ledger, read_signatures(ledger.folder))
