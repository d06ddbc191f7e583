"""The truth about a sweep: one folder, one small document per trial, paths relative to it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from orchestration import store
from orchestration.errors import DamagedError, UserError
from orchestration.ledger.changes import enter_evaluation, forget, put_back
from orchestration.ledger.checkpoint_files import CheckpointFiles
from orchestration.ledger.checkpoints import newest
from orchestration.ledger.documents import Evaluated, Study, Sweep, Trial, checked
from orchestration.ledger.paths import (
    STUDIES,
    SWEEP,
    TRIALS,
    documents_in,
    study_path,
    trial_path,
)


class Ledger:
    """One sweep's folder. The driver alone writes, and holds the lock while it does."""

    def __init__(self, folder: Path, sweep: Sweep, trials: dict[str, Trial]) -> None:
        self.folder = folder
        self.sweep = sweep
        self.trials = trials
        self.studies: dict[str, Study] = {}
        self.guard = threading.RLock()
        """Held while documents, or the files that they name, change."""
        self.checkpoint_files = CheckpointFiles(folder, trials.values())
        self._unwritten: set[str] = set()
        """Trials that are ahead of their documents."""

    @classmethod
    def create(cls, folder: Path, sweep: Sweep) -> Ledger:
        """A new ledger, written at once."""
        ledger = cls(folder, sweep, {})
        ledger.save_sweep()
        return ledger

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """Read a ledger, without taking the lock: every document is whole at any time.

        Raises:
            UserError: there is none, or a document is damaged or of a newer version.
        """
        try:
            document = _needed(folder / SWEEP)
        except FileNotFoundError:
            raise UserError(f"{folder}: there is no sweep here") from None
        sweep = checked(Sweep, document, folder / SWEEP)
        trials = [_read_trial(path) for path in documents_in(folder, TRIALS)]
        ledger = cls(folder, sweep, {trial.key: trial for trial in trials})
        ledger.studies = read_studies(folder)
        return ledger

    @classmethod
    def open_or_empty(cls, folder: Path) -> Ledger:
        """As ``open``; of a sweep that was not begun, a ledger of nothing, which is not written.

        Raises:
            UserError: a document is damaged or of a newer version, or the sweep's own is missing.
        """
        if cls.exists(folder):
            return cls.open(folder)
        if documents_in(folder, TRIALS) or documents_in(folder, STUDIES):
            gone = f"{folder / SWEEP}: is missing, and there are trials beside it"
            raise DamagedError(f"{gone}; put it back, or move the folder away to begin anew")
        sweep = Sweep(name=folder.name, sweep_id="", created=0.0, spec={}, plan=[])
        return cls(folder, sweep, {})

    @property
    def is_begun(self) -> bool:
        """Whether it is written; else it is that of a sweep which has not begun."""
        return bool(self.sweep.sweep_id)

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether a sweep was begun in this folder."""
        return (folder / SWEEP).is_file()

    def planned_keys(self) -> list[str]:
        """Keys of the present plan: of the grid's trials, then of what its studies asked for."""
        return planned_keys(self.sweep, self.studies)

    def planned_studies(self) -> list[Study]:
        """The studies of the present plan, in its order."""
        return [self.studies[key] for key in self.sweep.studies if key in self.studies]

    def planned(self) -> list[Trial]:
        """The trials of the present plan, in its order."""
        return [self.trials[key] for key in self.planned_keys() if key in self.trials]

    def save_sweep(self) -> None:
        """Write the sweep's own document."""
        with self.guard:
            content = self.sweep.model_dump(mode="json")
            store.write_document(self.folder / SWEEP, content, keep_previous=True)

    def save(self, trial: Trial) -> None:
        """Write a trial's document.

        Checkpoints that it does not name are removed, but for the newest that the version before
        names: with each of the two versions the trial can be continued.
        """
        with self.guard:
            self.trials[trial.key] = trial
            self._unwritten.add(trial.key)
            path = self.folder / trial_path(trial.key)
            store.write_document(path, trial.model_dump(mode="json"), keep_previous=True)
            self.checkpoint_files.written(trial)
            self._unwritten.discard(trial.key)

    def save_unwritten(self) -> None:
        """Write what could not be written, or was cut off: disks may have room again."""
        with self.guard:
            for key in sorted(self._unwritten):
                self.save(self.trials[key])

    def save_study(self, study: Study) -> None:
        """Write a study's document."""
        with self.guard:
            self.studies[study.key] = study
            path = self.folder / study_path(study.key)
            store.write_document(path, study.model_dump(mode="json"), keep_previous=True)

    def link(self, source: Path, path: str) -> bool:
        """Give a file of another sweep a name in this one's folder, too; whether it is there."""
        store.link(source, self.folder / path)
        return (self.folder / path).is_file()  # the other sweep may have removed it meanwhile

    def place_of(self, path: str) -> Path:
        """Where a file of this sweep lies, by its name in the folder."""
        return self.folder / path

    def write(self, path: str, content: bytes) -> None:
        """Write a file into the folder."""
        store.write_bytes(self.folder / path, content)

    def change(self, key: str, change: Callable[[Trial], None]) -> Trial:
        """Change a trial and write it, as one step to other threads."""
        with self.guard:
            trial = self.trials[key]
            change(trial)
            self.save(trial)
            return trial

    def note_evaluation(self, key: str, entry: str, evaluated: Evaluated) -> None:
        """Write down what an evaluation found, of a trial or (empty key) of the whole sweep.

        Where it failed, or could not be had, the figures and files found before stay beside that.
        """
        evaluations = self.trials[key].evaluations if key else self.sweep.evaluations
        before = evaluations.get(entry)
        if before is not None and evaluated.state in ("failed", "absent"):
            evaluated = evaluated.model_copy(
                update={name: getattr(before, name) for name in ("metrics", "artifacts", "facts")}
            )
        if key:
            self.change(key, partial(enter_evaluation, entry, evaluated))
        else:
            with self.guard:
                self.sweep.evaluations[entry] = evaluated
                self.save_sweep()

    def snapshot(self, key: str) -> Trial:
        """A copy that another thread may read at leisure."""
        with self.guard:
            return self.trials[key].model_copy(deep=True)

    @property
    def has_failures(self) -> bool:
        """Whether anything of the plan has failed."""
        shared = [part.state for part in self.sweep.evaluations.values()]
        return "failed" in shared or any(trial.has_failures for trial in self.planned())

    def put_back_failed(self, keys: tuple[str, ...], parts: Iterable[str]) -> None:
        """Put failed trials and failed evaluations of the plan back in line.

        A trained trial whose last checkpoint is damaged is trained on from its newest good one:
        where an evaluation has found that, or the trial is named.

        Args:
            keys: of trials; empty: all that have failed.
            parts: that the sweep wants by itself: others would be forgotten and not come again.
        """
        for trial in self.planned():
            meant = (not keys or trial.key in keys) and trial.has_failures
            looked_at = trial.key in keys or (meant and trial.state == "stopped")
            damaged = looked_at and self.is_damaged(trial)
            if damaged or meant:
                self.change(trial.key, partial(put_back, frozenset(parts), damaged))
        if not keys:
            self.forget_missing(
                ("", entry)
                for entry, part in list(self.sweep.evaluations.items())
                if part.state == "failed"
            )

    def forget_missing(self, entries: Iterable[tuple[str, str]]) -> None:
        """Let evaluations that failed, or could not be had, be tried again.

        Args:
            entries: keys of trials (empty: the whole sweep), and names among their evaluations.
        """
        for key, entry in entries:
            evaluations = self.trials[key].evaluations if key else self.sweep.evaluations
            done = evaluations.get(entry)
            if done is None or done.state not in ("failed", "absent"):
                continue
            if key:
                self.change(key, partial(forget, entry))
            else:
                with self.guard:
                    del self.sweep.evaluations[entry]
                    self.save_sweep()

    def is_damaged(self, trial: Trial) -> bool:
        """Whether a trial is trained, and the weights that it ended with are not there any more."""
        last = newest(trial.checkpoints)
        return trial.is_trained and last is not None and not self.is_intact(last.model_dump())

    def is_intact(self, ref: Mapping[str, Any]) -> bool:
        """Whether a checkpoint is there as it was written."""
        try:
            content = (self.folder / ref["path"]).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(content).hexdigest() == str(ref["sha256"])


def _read_trial(path: Path) -> Trial:
    try:
        return checked(Trial, store.read_document(path), path)
    except DamagedError as error:
        raise DamagedError(
            *error.lines, f"move it away, and trial {path.stem} is trained from its beginning"
        ) from None


def _needed(path: Path) -> dict[str, Any]:
    """A document without which a sweep does not go on."""
    try:
        return store.read_document(path)
    except DamagedError as error:
        raise DamagedError(
            *error.lines, "put it back from a copy, or move the sweep's folder away to begin anew"
        ) from None


def read_studies(folder: Path) -> dict[str, Study]:
    """A sweep's studies by key.

    Raises:
        UserError: a document is damaged or of a newer version.
    """
    paths = documents_in(folder, STUDIES)
    studies = [checked(Study, _needed(path), path) for path in paths]
    return {study.key: study for study in studies}


def planned_keys(sweep: Sweep, studies: Mapping[str, Study]) -> list[str]:
    """Keys of a sweep's trials: of those of the grid, then of those that its studies asked for."""
    keys = list(sweep.plan)
    for study in (studies[key] for key in sweep.studies if key in studies):
        keys += [*(ask.key for ask in study.asks), *study.replicates]
    return list(dict.fromkeys(keys))
