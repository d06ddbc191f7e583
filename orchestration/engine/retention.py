"""A disk budget: when the checkpoints of a sweep take more than they may, some go."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from orchestration.ledger.checkpoints import (
    LAST_AND_BEST,
    criterion_of,
    superfluous,
)
from orchestration.ledger.documents import Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.sweep import SweepSpec
from orchestration.study.progress import to_come_in

GB = 10**9


class Retention:
    """Keeps the checkpoints of one sweep within ``checkpoints.max_gb``.

    Args:
        spec: of the sweep.
        warn: told, once, where what has to stay is too large already.
    """

    def __init__(self, spec: SweepSpec, warn: Callable[[str], None]) -> None:
        self._checkpoints = spec.checkpoints
        self._criterion = criterion_of(spec)
        self._warn = warn
        self._warned = False

    def make_room(self, ledger: Ledger) -> None:
        """Take superfluous checkpoints out of the ledger, which then removes their files."""
        max_gb = self._checkpoints.max_gb
        if max_gb is None:
            return
        allowed, files = int(max_gb * GB), ledger.checkpoint_files
        if files.total_bytes <= allowed:
            return  # without a look at every trial, at every checkpoint
        going = superfluous(ledger.trials, allowed, self._checkpoints.every_epochs, self._criterion)
        paths: dict[str, set[str]] = {}
        for key, ref in going:
            paths.setdefault(key, set()).add(ref.path)
        for key, gone in paths.items():
            ledger.change(key, partial(_forget, gone))
        taken = files.total_bytes
        if taken > allowed and not self._warned:
            self._warned = True
            self._warn(self._too_little(ledger, taken))

    def _too_little(self, ledger: Ledger, taken: int) -> str:
        trials = [trial for trial in ledger.trials.values() if trial.checkpoints]
        largest = max(ref.bytes for trial in trials for ref in trial.checkpoints)
        # Besides the last another one may be the best, where others stay at all.
        each = largest * (1 if self._checkpoints.every_epochs is None else LAST_AND_BEST)
        coming = len(ledger.planned_keys()) + to_come_in(ledger) - len(trials)
        enough = max(taken, each * len(trials)) + each * max(coming, 0)
        return (
            f"the last and the best checkpoints of {len(trials)} trials take {taken / GB:.3g} GB, "
            f"more than checkpoints.max_gb ({self._checkpoints.max_gb:g}) allows, and stay. For "
            f"all trials set it to {rounded_up(enough / GB):g} or more, or leave it out"
        )


def _forget(paths: set[str], trial: Trial) -> None:
    trial.checkpoints = [ref for ref in trial.checkpoints if ref.path not in paths]


def rounded_up(value: float) -> float:
    """A positive number with two digits that is not below it."""
    digits = 1 - math.floor(math.log10(value))
    return round(math.ceil(value * 10.0**digits) / 10.0**digits, digits)
