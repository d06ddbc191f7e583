"""The truth about a sweep: one folder, one small document per trial, paths relative to it."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from orchestration import store
from orchestration.documents import Evaluated, Study, Sweep, Trial, checked, end_attempt
from orchestration.errors import UserError
from orchestration.links import refuse_links_out
from orchestration.storage import storage_flags
from orchestration.studystate import to_come


class Ledger:
    """One sweep's folder. The driver alone writes, and holds the lock while it does."""

    def __init__(self, folder: Path, sweep: Sweep, trials: dict[str, Trial]) -> None:
        self.folder = folder
        self.sweep = sweep
        self.trials = trials
        self.studies: dict[str, Study] = {}
        self._guard = threading.RLock()

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
            document = store.read_document(folder / "sweep.json")
        except FileNotFoundError:
            raise UserError(f"{folder}: there is no sweep here") from None
        sweep = checked(Sweep, document, folder / "sweep.json")
        paths = sorted((folder / "trials").glob("*.json"))
        trials = [checked(Trial, store.read_document(path), path) for path in paths]
        ledger = cls(folder, sweep, {trial.key: trial for trial in trials})
        ledger.studies = read_studies(folder)
        return ledger

    @staticmethod
    def exists(folder: Path) -> bool:
        """Whether a sweep was begun in this folder."""
        return (folder / "sweep.json").is_file()

    def planned_keys(self) -> list[str]:
        """Keys of the present plan: of the grid's trials, then of what its studies asked for."""
        return planned_keys(self.sweep, self.studies)

    def planned_studies(self) -> list[Study]:
        """The studies of the present plan, in its order."""
        return [self.studies[key] for key in self.sweep.studies if key in self.studies]

    @property
    def to_come(self) -> int:
        """Trials that the studies of the plan will still ask for, as far as it is known."""
        replicates = (self.sweep.spec.get("search") or {}).get("replicates", 0)
        return to_come(self.planned_studies(), self.trials, replicates)

    def planned(self) -> list[Trial]:
        """The trials of the present plan, in its order."""
        return [self.trials[key] for key in self.planned_keys() if key in self.trials]

    def save_sweep(self) -> None:
        """Write the sweep's own document."""
        with self._guard:
            store.write_document(self.folder / "sweep.json", self.sweep.model_dump(mode="json"))

    def save(self, trial: Trial) -> None:
        """Write a trial's document."""
        with self._guard:
            self.trials[trial.key] = trial
            path = self.folder / "trials" / f"{trial.key}.json"
            store.write_document(path, trial.model_dump(mode="json"))

    def save_study(self, study: Study) -> None:
        """Write a study's document."""
        with self._guard:
            self.studies[study.key] = study
            path = self.folder / "studies" / f"{study.key}.json"
            store.write_document(path, study.model_dump(mode="json"))

    def change(self, key: str, change: Callable[[Trial], None]) -> Trial:
        """Change a trial and write it, as one step to other threads."""
        with self._guard:
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
            self.change(key, lambda trial: trial.evaluations.update({entry: evaluated}))
        else:
            with self._guard:
                self.sweep.evaluations[entry] = evaluated
                self.save_sweep()

    def snapshot(self, key: str) -> Trial:
        """A copy that another thread may read at leisure."""
        with self._guard:
            return self.trials[key].model_copy(deep=True)

    @property
    def has_failures(self) -> bool:
        """Whether anything of the plan has failed."""
        shared = [part.state for part in self.sweep.evaluations.values()]
        return "failed" in shared or any(trial.has_failures for trial in self.planned())

    def put_back_failed(self, keys: tuple[str, ...], parts: Iterable[str]) -> None:
        """Put failed trials and failed evaluations of the plan back in line.

        Args:
            keys: of trials; empty: all that have failed.
            parts: that the sweep wants by itself: others would be forgotten and not come again.
        """
        for trial in self.planned():
            if (not keys or trial.key in keys) and trial.has_failures:
                self.change(trial.key, partial(_put_back, frozenset(parts)))
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
                self.change(key, partial(_forget, entry))
            else:
                with self._guard:
                    del self.sweep.evaluations[entry]
                    self.save_sweep()

    def recover(self) -> list[str]:
        """Put trials that a dead driver left running back in line; their keys.

        Checkpoints that no document names and writes that were cut off are removed.
        """
        lost = [trial.key for trial in self.trials.values() if trial.state == "running"]
        for key in lost:
            self.change(key, lambda trial: end_attempt(trial, "lost", "pending"))
        store.remove_parts(self.folder)
        named = {ref.path for trial in self.trials.values() for ref in trial.checkpoints}
        for path in (self.folder / "checkpoints").rglob("*.pt"):
            if path.relative_to(self.folder).as_posix() not in named:
                store.remove(path)
        return lost


def read_studies(folder: Path) -> dict[str, Study]:
    """A sweep's studies by key.

    Raises:
        UserError: a document is damaged or of a newer version.
    """
    paths = sorted((folder / "studies").glob("*.json"))
    studies = [checked(Study, store.read_document(path), path) for path in paths]
    return {study.key: study for study in studies}


def planned_keys(sweep: Sweep, studies: Mapping[str, Study]) -> list[str]:
    """Keys of a sweep's trials: of those of the grid, then of those that its studies asked for."""
    keys = list(sweep.plan)
    for study in (studies[key] for key in sweep.studies if key in studies):
        keys += [ask.key for ask in study.asks]
        keys += study.replicates
    return list(dict.fromkeys(keys))


def _forget(entry: str, trial: Trial) -> None:
    # What was found before stays until something new is.
    trial.evaluations[entry].state = "pending"
    trial.evaluations[entry].error = None


def _put_back(parts: frozenset[str], trial: Trial) -> None:
    if trial.state == "failed":
        trial.state = "pending"
        if trial.attempts:
            # Workers lost so far do not count against the retries of the new attempt.
            trial.attempts[-1].outcome = "failed"
    # Of a stopped trial the sweep wants none by itself.
    wanted = frozenset() if trial.state == "stopped" else parts
    trial.evaluations = {
        entry: part
        for entry, part in trial.evaluations.items()
        if part.state != "failed" or entry not in wanted
    }


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a sweep's lock. It goes with the process that holds it, however that ends.

    Raises:
        UserError: another process holds it, or a link leads out of the folder.
    """
    refuse_links_out(folder)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        watch = ["cvae-sweep", "status", folder.name, *storage_flags(folder.parent)]
        raise UserError(
            f"{folder}: another cvae-sweep is at work on this sweep; "
            f"watch it with `{shlex.join(watch)}`"
        ) from None
    try:
        yield
    finally:
        lock.release()
