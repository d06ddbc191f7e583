"""Which finished trials there are, of this and of other sweeps of the storage folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cvae_core.config import TrialConfig
from cvae_core.errors import ConfigError
from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.documents import Sweep, Trial, checked
from orchestration.ledger.folders import read_sweep
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import TRIALS, documents_in, sweep_names, trial_path
from orchestration.run.reusable import alike, as_trained_by
from orchestration.spec.trial_key import canonical, short_hash


@dataclass(frozen=True)
class Found:
    """Where a finished trial lies."""

    key: str
    folder: Path
    epoch: int
    """That it ended with; 0 where its patience ran out before its last one."""

    def read(self) -> Trial | None:
        """The trial as it is now; None where it is not there any more."""
        path = self.folder / trial_path(self.key)
        with suppress(UserError, OSError):
            trial = checked(Trial, store.read_document(path), path)
            return trial if trial.state == "finished" else None
        return None


class FinishedTrials:
    """Finished trials that are what a sweep would train itself, by key and by their beginning.

    Args:
        ledger: of the sweep, its plan entered.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._equal: dict[str, list[Found]] = {}
        self._beginnings: dict[str, list[Found]] = {}
        for trial, folder in _finished(ledger):
            config = TrialConfig.from_settings(trial.config)
            found = Found(trial.key, folder, trial.epoch if trial.epoch == config.epochs else 0)
            self._equal.setdefault(trial.key, []).append(found)
            self._beginnings.setdefault(of_any_length(config), []).append(found)

    def equal(self, key: str) -> Sequence[Found]:
        """The trials of this key: files of one may be gone."""
        return self._equal.get(key, ())

    def beginnings(self, config: TrialConfig) -> Sequence[Found]:
        """Those that had fewer epochs, and are else the same; the longest first."""
        found = self._beginnings.get(of_any_length(config), ())
        shorter = [each for each in found if 0 < each.epoch < config.epochs]
        return sorted(shorter, key=lambda each: -each.epoch)


def of_any_length(config: TrialConfig) -> str:
    """What trials have in common that differ in nothing but how many epochs they have."""
    return short_hash({name: v for name, v in canonical(config).items() if name != "epochs"})


def _finished(ledger: Ledger) -> Iterator[tuple[Trial, Path]]:
    """Finished trials of this sweep, then of the others, as far as alike; where each lies."""
    for trial in list(ledger.trials.values()):
        if trial.state == "finished" and _is_as_trained_by(ledger.sweep, trial, ledger.sweep):
            yield trial, ledger.folder
    for name in sweep_names(ledger.folder.parent):
        folder = ledger.folder.parent / name
        if folder == ledger.folder:
            continue
        # Of another version, damaged, or removed meanwhile: it is not this sweep's matter.
        with suppress(UserError, OSError):
            sweep = read_sweep(folder)
            if not alike(sweep, ledger.sweep):
                continue
            for path in documents_in(folder, TRIALS):
                with suppress(UserError, OSError):
                    trial = checked(Trial, store.read_document(path), path)
                    if trial.state == "finished" and _is_as_trained_by(ledger.sweep, trial, sweep):
                        yield trial, folder


def _is_as_trained_by(own: Sweep, trial: Trial, sweep: Sweep) -> bool:
    try:
        return as_trained_by(own, trial, sweep.data)
    except ConfigError:  # its settings are of another version
        return False
