"""What was trained before is not trained again: finished trials of this and of other sweeps.

A trial of equal key is taken over as it is, with its checkpoint and what was measured of it. One
that differs in fewer epochs alone is where the longer one starts: what it did so far is what the
longer one would have done, bit for bit, because nothing in training looks at epochs to come.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.errors import CheckpointError, ConfigError
from cvae_core.evaluation.distances.declaration import FD
from orchestration import store
from orchestration.errors import UserError
from orchestration.ledger.checkpoints import newest, without_spares
from orchestration.ledger.documents import CheckpointRef, Sweep, Trial, checked
from orchestration.ledger.folders import read_sweep
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import TRIALS, checkpoint_path, documents_in, sweep_names
from orchestration.run.reusable import BY_EPOCH, alike, as_trained_by
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import canonical, short_hash, trial_key
from orchestration.terminal.console import Console
from orchestration.words import count


@dataclass(frozen=True)
class _Found:
    """A finished trial, and where it lies."""

    trial: Trial
    folder: Path

    @property
    def config(self) -> TrialConfig:
        return TrialConfig.from_settings(self.trial.config)


def take_over(ledger: Ledger, spec: SweepSpec, console: Console) -> None:
    """Let planned trials that have not begun have what was trained of them before.

    A search decides by what it asked for itself, and a scheduler by what it has seen at its rungs:
    their trials are their own.

    Args:
        ledger: of the sweep, its plan entered; its lock is held.
        spec: of the sweep.
        console: is told what was taken over.

    Raises:
        StorageError: something cannot be written down; what was taken over is whole.
    """
    if spec.search is not None or spec.scheduler is not None:
        return
    wanted = {
        trial.key: TrialConfig.from_settings(trial.config)
        for trial in ledger.planned()
        if trial.state == "pending" and not trial.attempts
    }
    if not wanted:
        return
    equal, shorter = _candidates(ledger, wanted)
    took: Counter[str] = Counter()
    for key in wanted:
        if key in equal:
            found, how = equal[key], "taken over from"
            done = _copy(ledger, found)
        elif key in shorter:
            found, how = shorter[key], "continued from where they ended in"
            done = _continue(ledger, found, wanted[key])
        else:
            continue
        if done:
            took[f"{how} {found.folder.name}"] += 1
    for how, number in took.items():
        console.line(
            f"{count(number, 'trial')} {how} (trained before; --no-reuse trains them anew)"
        )


def _candidates(
    ledger: Ledger, wanted: Mapping[str, TrialConfig]
) -> tuple[dict[str, _Found], dict[str, _Found]]:
    """By key: trials of equal key, and the longest of those that had fewer epochs."""
    equal: dict[str, _Found] = {}
    shorter: dict[str, _Found] = {}
    # Of a trial that had so many epochs: the trials that it is the beginning of.
    beginnings: dict[str, list[str]] = {}
    for key, config in wanted.items():
        beginnings.setdefault(_without_epochs(config), []).append(key)
    for found in _finished(ledger):
        if found.trial.key in wanted:
            equal.setdefault(found.trial.key, found)
        for key in beginnings.get(_without_epochs(found.config), []):
            whole = found.trial.epoch == found.config.epochs  # else its patience ran out
            longest = shorter[key].trial.epoch if key in shorter else 0
            if whole and longest < found.trial.epoch < wanted[key].epochs:
                shorter[key] = found
    return equal, shorter


def _finished(ledger: Ledger) -> Iterator[_Found]:
    """Finished trials of this sweep, then of the others in its storage folder, as far as alike."""
    for trial in list(ledger.trials.values()):
        if trial.state == "finished" and _is_as_trained_by(ledger.sweep, trial, ledger.sweep):
            yield _Found(trial, ledger.folder)
    for name in sweep_names(ledger.folder.parent):
        folder = ledger.folder.parent / name
        if folder == ledger.folder:
            continue
        with suppress(UserError):  # of another version, or damaged: it is not this sweep's matter
            sweep = read_sweep(folder)
            if not alike(sweep, ledger.sweep):
                continue
            for path in documents_in(folder, TRIALS):
                with suppress(UserError):
                    trial = checked(Trial, store.read_document(path), path)
                    if trial.state == "finished" and _is_as_trained_by(ledger.sweep, trial, sweep):
                        yield _Found(trial, folder)


def _is_as_trained_by(own: Sweep, trial: Trial, sweep: Sweep) -> bool:
    try:
        return as_trained_by(own, trial, sweep.data)
    except ConfigError:  # its settings are of another version
        return False


def _without_epochs(config: TrialConfig) -> str:
    return short_hash({n: v for n, v in canonical(config).items() if n != "epochs"})


def _copy(ledger: Ledger, found: _Found) -> bool:
    """Take a finished trial over: its files first, then its document; whether that went."""
    ref = newest(without_spares(found.trial.checkpoints))
    if ref is None or not _link(found.folder, ledger.folder, ref.path, ref.sha256):
        return False
    evaluations = {}
    for entry, part in found.trial.evaluations.items():
        files = [(artifact.path, artifact.sha256) for artifact in part.artifacts]
        if part.state != "finished" or "@" in entry or entry == FD.name:
            continue  # the classifiers of distances are the sweep's own
        if all(_link(found.folder, ledger.folder, *file) for file in files):
            evaluations[entry] = part
    ledger.save(
        found.trial.model_copy(
            update={
                # Where images lie changes no number, but is this sweep's.
                "config": ledger.trials[found.trial.key].config,
                "checkpoints": [ref],
                "evaluations": evaluations,
                "decisions": [],
                "run_id": None,
                "notes": [*found.trial.notes, f"taken over from {found.folder.name}"],
            },
            deep=True,
        )
    )
    return True


def _link(source: Path, target: Path, path: str, digest: str) -> bool:
    """Give a file of another sweep a name in this one; whether it is whole."""
    from cvae_core.training.checkpoint import sha256

    try:
        content = (source / path).read_bytes()
    except OSError:
        return False
    if sha256(content) != digest:
        return False
    store.link(source / path, target / path)
    return (target / path).is_file()  # the other sweep may have removed it meanwhile


def _continue(ledger: Ledger, found: _Found, config: TrialConfig) -> bool:
    """Let a trial begin where one of fewer epochs has ended; whether that went."""
    from cvae_core.training.checkpoint import read_checkpoint, sha256
    from cvae_core.training.selection import Selection

    ref = newest(without_spares(found.trial.checkpoints))
    if ref is None or ref.epoch != found.trial.epoch:
        return False
    try:
        content = (found.folder / ref.path).read_bytes()
        before = read_checkpoint(content, config=found.config, expected_sha256=ref.sha256)
    except (OSError, CheckpointError):
        return False
    if _selected_by_its_last(found.trial, config, ledger.sweep.spec.get("evaluation", {})):
        return False
    selection = Selection(config.selection)
    selection.load_state_dict(before.selection)
    if selection.stop:  # with its last epoch: there is nothing to go on with
        return False
    content = dataclasses.replace(before, config=config.to_settings()).to_bytes()
    key = trial_key(config)
    path = checkpoint_path(key, 0, ref.epoch)
    store.write_bytes(ledger.folder / path, content)
    start = CheckpointRef(epoch=ref.epoch, path=path, sha256=sha256(content), bytes=len(content))
    trial = ledger.trials[key]
    note = f"begun at epoch {ref.epoch}, where {found.trial.key} ended"
    update: dict[str, Any] = {
        "epochs": _as_of_longer(found.trial, ledger.sweep.spec.get("evaluation", {})),
        "checkpoints": [start],
        # It may have been begun so before, and cut off.
        "notes": [*(known for known in trial.notes if known != note), note],
    }
    ledger.save(trial.model_copy(update=update, deep=True))
    return True


def _selected_by_its_last(trial: Trial, config: TrialConfig, evaluation: Mapping[str, Any]) -> bool:
    """Whether its selection has seen a value that was measured because the epoch was the last."""
    for rhythm, measured in BY_EPOCH.items():
        if config.selection.metric.startswith(measured):
            return bool(trial.epoch % (evaluation.get(rhythm) or 1))
    return False


def _as_of_longer(trial: Trial, evaluation: Mapping[str, Any]) -> list[Any]:
    """Its epochs without what was measured at the last one because it was the last."""
    epochs = [epoch.model_copy(deep=True) for epoch in trial.epochs]
    last = epochs[-1]
    for rhythm, measured in BY_EPOCH.items():
        every = evaluation.get(rhythm)
        if every and last.epoch % every:
            last.metrics = {n: v for n, v in last.metrics.items() if not n.startswith(measured)}
    return epochs
