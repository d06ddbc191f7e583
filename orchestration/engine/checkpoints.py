"""A disk budget: which checkpoints go when those of a sweep together take more than they may.

The last and the best of each trial stay. Of the others those go first that are there only for the
case that the last one is damaged, then the oldest ones, whichever trial they are of.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import chain
from typing import NamedTuple

from cvae_core.evaluation.metrics import describe
from orchestration.ledger.documents import CheckpointRef, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.sweep import SweepSpec
from orchestration.study.progress import to_come_in

GB = 10**9


class Criterion(NamedTuple):
    """What makes an epoch better than another."""

    metric: str
    sign: int
    """1 where larger is better, else -1."""


class Superfluous(NamedTuple):
    """A checkpoint that is to go."""

    key: str
    """Of its trial."""
    ref: CheckpointRef


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
        allowed = int(max_gb * GB)
        going = superfluous(ledger.trials, allowed, self._checkpoints.every_epochs, self._criterion)
        paths: dict[str, set[str]] = {}
        for key, ref in going:
            paths.setdefault(key, set()).add(ref.path)
        for key, gone in paths.items():
            ledger.change(key, partial(_forget, gone))
        taken = total_bytes(ledger.trials)
        if taken > allowed and not self._warned:
            self._warned = True
            self._warn(self._too_little(ledger, taken))

    def _too_little(self, ledger: Ledger, taken: int) -> str:
        trials = [trial for trial in ledger.trials.values() if trial.checkpoints]
        largest = max(ref.bytes for trial in trials for ref in trial.checkpoints)
        # Besides the last another one may be the best, where others stay at all.
        each = largest * (1 if self._checkpoints.every_epochs is None else 2)
        coming = len(ledger.planned_keys()) + to_come_in(ledger) - len(trials)
        enough = max(taken, each * len(trials)) + each * max(coming, 0)
        return (
            f"the last and the best checkpoints of {len(trials)} trials take {taken / GB:.3g} GB, "
            f"more than checkpoints.max_gb ({self._checkpoints.max_gb:g}) allows, and stay. For "
            f"all trials set it to {rounded_up(enough / GB):g} or more, or leave it out"
        )


def criterion_of(spec: SweepSpec) -> Criterion | None:
    """What a sweep selects by: the scheduler's metric, else its first objective, else nothing."""
    if spec.scheduler is not None:
        metric = describe(spec.scheduler.metric)
        higher = metric is not None and metric.better == "higher"
        return Criterion(spec.scheduler.metric, 1 if higher else -1)
    if spec.search is not None:
        first = spec.search.objectives[0]
        return Criterion(first.metric, first.sign)
    return None


def superfluous(
    trials: Mapping[str, Trial], allowed: int, every: int | None, criterion: Criterion | None
) -> list[Superfluous]:
    """The checkpoints that have to go, in the order in which they go; no more than needed.

    Args:
        trials: by key, with their checkpoints.
        allowed: bytes of all checkpoints together.
        every: the checkpoints of every so many epochs are wanted; None: of none.
        criterion: what the sweep selects by; None: each trial by the metric of its own selection.
    """
    excess = total_bytes(trials) - allowed
    if excess <= 0:
        return []
    fallbacks, wanted = [], []
    for key, trial in trials.items():
        others = _others(trial, criterion)
        own = [ref for ref in others if ref.spare or every is None or ref.epoch % every]
        fallbacks.append(_dated(key, trial, own))
        wanted.append(_dated(key, trial, [ref for ref in others if ref not in own]))
    going = []
    # Each trial's are taken in the order of its epochs, also where a clock was set back.
    for _, key, ref in chain(*(heapq.merge(*group, key=_age) for group in (fallbacks, wanted))):
        if excess <= 0:
            break
        going.append(Superfluous(key, ref))
        excess -= ref.bytes
    return going


def best_of(trial: Trial, criterion: Criterion | None) -> CheckpointRef | None:
    """The checkpoint of the best epoch, of equal ones the first; None where nothing tells.

    Where what the sweep selects by was measured at none of them, the metric of the trial's own
    selection decides, then the validation loss.
    """
    own = Criterion(trial.config["selection"]["metric"], -1)
    metrics = {record.epoch: record.metrics for record in trial.epochs}
    for metric, sign in filter(None, (criterion, own, Criterion("val/loss", -1))):
        values = [
            (sign * metrics[ref.epoch][metric], -ref.epoch, ref)
            for ref in trial.checkpoints
            if not ref.spare and metric in metrics.get(ref.epoch, {})
        ]
        if values:
            return max(values, key=lambda value: value[:2])[2]
    return None


def total_bytes(trials: Mapping[str, Trial]) -> int:
    """What all checkpoints take, as the ledger has it."""
    return sum(ref.bytes for trial in trials.values() for ref in trial.checkpoints)


def _others(trial: Trial, criterion: Criterion | None) -> list[CheckpointRef]:
    """All but the last and the best, in the order of their epochs."""
    refs = sorted(trial.checkpoints, key=lambda ref: ref.epoch)
    best = best_of(trial, criterion)
    return [ref for ref in refs[:-1] if ref is not best]


def _dated(
    key: str, trial: Trial, refs: list[CheckpointRef]
) -> Iterator[tuple[float, str, CheckpointRef]]:
    ended = {record.epoch: record.at for record in trial.epochs}
    return ((ended.get(ref.epoch, 0.0), key, ref) for ref in refs)


def _age(dated: tuple[float, str, CheckpointRef]) -> tuple[float, int, str]:
    at, key, ref = dated
    return at, ref.epoch, key


def _forget(paths: set[str], trial: Trial) -> None:
    trial.checkpoints = [ref for ref in trial.checkpoints if ref.path not in paths]


def rounded_up(value: float) -> float:
    """A positive number with two digits that is not below it."""
    digits = 1 - math.floor(math.log10(value))
    return round(math.ceil(value * 10.0**digits) / 10.0**digits, digits)
