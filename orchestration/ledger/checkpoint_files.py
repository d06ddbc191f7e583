"""The files of checkpoints in a sweep's folder: the one place that removes any."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from orchestration import store
from orchestration.ledger.checkpoints import needed, newest
from orchestration.ledger.documents import CheckpointRef, Trial
from orchestration.ledger.paths import checkpoints_in


class CheckpointFiles:
    """Removes the files that neither version of a trial's document needs.

    Args:
        folder: of the sweep.
        trials: as their documents are now.
    """

    def __init__(self, folder: Path, trials: Iterable[Trial] = ()) -> None:
        self._folder = folder
        self._bytes = {trial.key: _bytes_of(trial) for trial in trials}
        self.total_bytes = sum(self._bytes.values())
        """Of all checkpoints that documents name: kept up, as it is asked for at every one."""
        self._needed: dict[str, set[str]] = {}
        """By trial: paths that its document and the version before need."""
        self._newest: dict[str, str | None] = {}
        """By trial: path of the newest that its document names."""

    def opened(self, trial: Trial, before: Iterable[CheckpointRef]) -> None:
        """Take note of a document that was read, and of what the version before names."""
        self._note(trial, _path(newest(before)))

    def written(self, trial: Trial) -> None:
        """Remove what is needed no more: a trial's document has just been written."""
        self._count(trial)
        needed_before = self._needed.get(trial.key, set())
        self._note(trial, self._newest.get(trial.key))
        self._remove(needed_before - self._needed[trial.key])

    def remove_unnamed(self, trials: Iterable[Trial]) -> None:
        """Remove every file of a checkpoint that none of these trials' documents needs."""
        staying = set().union(*self._needed.values())
        # Also those of a document of which it is not known whether it was written.
        staying |= {ref.path for trial in trials for ref in trial.checkpoints}
        self._remove(checkpoints_in(self._folder) - staying)

    def _count(self, trial: Trial) -> None:
        now = _bytes_of(trial)
        self.total_bytes += now - self._bytes.get(trial.key, 0)
        self._bytes[trial.key] = now

    def _note(self, trial: Trial, newest_before: str | None) -> None:
        self._needed[trial.key] = needed(trial.checkpoints, newest_before)
        self._newest[trial.key] = _path(newest(trial.checkpoints))

    def _remove(self, paths: set[str]) -> None:
        for path in sorted(paths):
            store.remove(self._folder / path)


def _bytes_of(trial: Trial) -> int:
    return sum(ref.bytes for ref in trial.checkpoints)


def _path(ref: CheckpointRef | None) -> str | None:
    return None if ref is None else ref.path
