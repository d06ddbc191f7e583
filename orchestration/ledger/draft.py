"""A sweep as it would be: what is entered stays in memory."""

from __future__ import annotations

from pathlib import Path

from orchestration.ledger.documents import Study, Sweep, Trial
from orchestration.ledger.ledger import Ledger


class Draft(Ledger):
    """A copy of a ledger that writes nothing, to see what would follow."""

    def __init__(self, folder: Path, sweep: Sweep, trials: dict[str, Trial]) -> None:
        super().__init__(folder, sweep, trials)
        self._linked: dict[str, Path] = {}
        """Files of other sweeps by what their names would be in this one."""

    @classmethod
    def of(cls, ledger: Ledger) -> Draft:
        """As a sweep is once what a dead driver left running is back in line."""
        # Not deep, which of a thousand trials would take seconds: whole documents are entered.
        trials = {key: trial.model_copy() for key, trial in ledger.trials.items()}
        draft = cls(ledger.folder, ledger.sweep.model_copy(deep=True), trials)
        draft.studies = {k: study.model_copy(deep=True) for k, study in ledger.studies.items()}
        for trial in trials.values():
            trial.state = "pending" if trial.state == "running" else trial.state
        return draft

    def save_sweep(self) -> None:
        """It is in memory already."""

    def save(self, trial: Trial) -> None:
        """Enter a trial; its checkpoints stay as they are."""
        self.trials[trial.key] = trial

    def save_study(self, study: Study) -> None:
        """Enter a study."""
        self.studies[study.key] = study

    def link(self, source: Path, path: str) -> bool:
        """Whether a file of another sweep could be had; it is left where it is."""
        if source.is_file():
            self._linked[path] = source
        return source.is_file()

    def place_of(self, path: str) -> Path:
        """Where a file lies; of one that would be linked, in the other sweep."""
        return self._linked.get(path, super().place_of(path))

    def write(self, path: str, content: bytes) -> None:
        """It is written when it is meant."""
