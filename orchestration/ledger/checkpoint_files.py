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
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._needed: dict[str, set[str]] = {}
        """By trial: paths that its document and the version before need."""
        self._newest: dict[str, str | None] = {}
        """By trial: path of the newest that its document names."""

    def opened(self, trial: Trial, before: Iterable[CheckpointRef]) -> None:
        """Take note of a document that was read, and of what the version before names."""
        self._note(trial, _path(newest(before)))

    def written(self, trial: Trial) -> None:
        """Remove what is needed no more: a trial's document has just been written."""
        needed_before = self._needed.get(trial.key, set())
        self._note(trial, self._newest.get(trial.key))
        self._remove(needed_before - self._needed[trial.key])

    def remove_unnamed(self, trials: Iterable[Trial]) -> None:
        """Remove every file of a checkpoint that none of these trials' documents needs."""
        staying = set().union(*self._needed.values())
        # Also those of a document of which it is not known whether it was written.
        staying |= {ref.path for trial in trials for ref in trial.checkpoints}
        self._remove(checkpoints_in(self._folder) - staying)

    def _note(self, trial: Trial, newest_before: str | None) -> None:
        self._needed[trial.key] = needed(trial.checkpoints, newest_before)
        self._newest[trial.key] = _path(newest(trial.checkpoints))

    def _remove(self, paths: set[str]) -> None:
        for path in sorted(paths):
            store.remove(self._folder / path)


def _path(ref: CheckpointRef | None) -> str | None:
    return None if ref is None else ref.path
