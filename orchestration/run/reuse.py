"""What was trained before is not trained again: finished trials of this and of other sweeps.

A trial of equal key is taken over as it is, with its checkpoint and what was measured of it. One
that differs in fewer epochs alone is where the longer one starts: what it did so far is what the
longer one would have done, bit for bit, because nothing in training looks at epochs to come.

To a search a trial that is taken over is one that was trained in no time: what it asks for next
follows from what it asked for and what came of that, wherever it was trained. A scheduler decides
by what it has seen at its rungs, in the order in which it saw it, so its trials are its own.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cvae_core.config import TrialConfig
from cvae_core.errors import CheckpointError
from cvae_core.evaluation.distances.declaration import FD
from orchestration.ledger.checkpoints import newest, without_spares
from orchestration.ledger.documents import CheckpointRef, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.names import NO_SCHEDULER
from orchestration.ledger.paths import checkpoint_path
from orchestration.run.classifiers import shares_classifier, shares_history
from orchestration.run.finished_trials import FinishedTrials, Found
from orchestration.run.reusable import BY_EPOCH
from orchestration.spec.trial_key import trial_key
from orchestration.terminal.console import Console
from orchestration.words import count


class Reuse:
    """Lets trials that have not begun have what was trained of them before.

    Args:
        ledger: of the sweep, its plan entered; its lock is held.
        finished: that there are; None: nothing is to be taken over.
    """

    def __init__(self, ledger: Ledger, finished: FinishedTrials | None) -> None:
        self._ledger = ledger
        self._finished = finished
        self._looked_for: set[str] = set()
        self._took: Counter[str] = Counter()

    def take_over(self, key: str) -> bool:
        """Look for a trial once; whether it need not be trained any more.

        Raises:
            StorageError: something cannot be written down; what was taken over is whole.
        """
        trial = self._ledger.trials[key]
        if self._finished is None:
            return False
        if trial.state != "pending" or trial.attempts or key in self._looked_for:
            return False
        self._looked_for.add(key)
        config = TrialConfig.from_settings(trial.config)
        for same in self._finished.equal(key):
            if self._taken("taken over from", same, _copy(self._ledger, same)):
                return True
        how = "continued from where they ended in"
        for shorter in self._finished.beginnings(config):
            if self._taken(how, shorter, _continue(self._ledger, shorter, config)):
                break
        return False

    def take_over_planned(self) -> None:
        """The same of all trials that are planned.

        Raises:
            StorageError: as ``take_over``.
        """
        for key in self._ledger.planned_keys():
            if key in self._ledger.trials:
                self.take_over(key)

    def say(self, console: Console) -> None:
        """Tell what was taken over since this was told last."""
        for how, number in self._took.items():
            console.line(
                f"{count(number, 'trial')} {how} (trained before; --no-reuse trains them anew)"
            )
        self._took.clear()

    def _taken(self, how: str, found: Found, went: bool) -> bool:
        if went:
            self._took[f"{how} {found.folder.name}"] += 1
        return went


def _copy(ledger: Ledger, found: Found) -> bool:
    """Take a finished trial over: its files first, then its document; whether that went."""
    trial = found.read()
    ref = None if trial is None else newest(without_spares(trial.checkpoints))
    if trial is None or ref is None or not shares_history(ledger, found.folder, trial):
        return False  # distances of its epochs would be in other units
    if not _link(ledger, found.folder, ref.path, ref.sha256):
        return False
    config, evaluations = TrialConfig.from_settings(trial.config), {}
    for entry, part in trial.evaluations.items():
        files = [(artifact.path, artifact.sha256) for artifact in part.artifacts]
        if part.state != "finished" or "@" in entry:
            continue
        if entry == FD.name and not shares_classifier(ledger, found.folder, part, config):
            continue  # its distances would be in other units, too
        if all(_link(ledger, found.folder, *file) for file in files):
            evaluations[entry] = part
    ledger.save(
        trial.model_copy(
            update={
                # Where images lie changes no number, but is this sweep's.
                "config": ledger.trials[found.key].config,
                "checkpoints": [ref],
                "evaluations": evaluations,
                "decisions": [],
                "run_id": None,
                "taken_over": time.time(),
                "notes": [*_of_any_sweep(trial.notes), f"taken over from {found.folder.name}"],
            },
            deep=True,
        )
    )
    return True


def _of_any_sweep(notes: Sequence[str]) -> list[str]:
    """Without what a scheduler has noted, which is the other sweep's."""
    return [note for note in notes if not note.startswith(NO_SCHEDULER)]


def _link(ledger: Ledger, source: Path, path: str, digest: str) -> bool:
    """Give a file of another sweep a name in this one; whether it is whole."""
    from cvae_core.training.checkpoint import sha256

    try:
        content = (source / path).read_bytes()
    except OSError:
        return False
    return sha256(content) == digest and ledger.link(source / path, path)


def _continue(ledger: Ledger, found: Found, config: TrialConfig) -> bool:
    """Let a trial begin where one of fewer epochs has ended; whether that went."""
    from cvae_core.training.checkpoint import read_checkpoint, sha256
    from cvae_core.training.selection import Selection

    short = found.read()
    ref = None if short is None else newest(without_spares(short.checkpoints))
    if short is None or ref is None or ref.epoch != short.epoch:
        return False
    try:
        content = (found.folder / ref.path).read_bytes()
        before = read_checkpoint(
            content, config=TrialConfig.from_settings(short.config), expected_sha256=ref.sha256
        )
    except (OSError, CheckpointError):
        return False
    if _selected_by_its_last(short, config, ledger.sweep.spec.get("evaluation", {})):
        return False
    if not shares_history(ledger, found.folder, short):
        return False
    selection = Selection(config.selection)
    selection.load_state_dict(before.selection)
    if selection.stop:  # with its last epoch: there is nothing to go on with
        return False
    content = dataclasses.replace(before, config=config.to_settings()).to_bytes()
    key = trial_key(config)
    path = checkpoint_path(key, 0, ref.epoch)
    ledger.write(path, content)
    start = CheckpointRef(epoch=ref.epoch, path=path, sha256=sha256(content), bytes=len(content))
    trial = ledger.trials[key]
    note = f"begun at epoch {ref.epoch}, where {short.key} ended"
    update: dict[str, Any] = {
        "epochs": _as_of_longer(short, ledger.sweep.spec.get("evaluation", {})),
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
