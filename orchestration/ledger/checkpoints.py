"""Which checkpoints of a trial stay: every rule that says so, over plain references.

- At an epoch's end: the last, those of every n-th epoch as the sweep file wants them, and one
  more, marked as spare, until the last has been read (``kept``, ``without_spares``).
- When a trial goes on from an earlier checkpoint: none that it passed over (``usable``).
- On a full disk budget: of each trial the last and the best (``superfluous``).
- On disk: whatever one of the two versions of a trial's document may need (``needed``).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import NamedTuple

from cvae_core.evaluation.metrics import sign_of
from orchestration.ledger.documents import CheckpointRef, Trial
from orchestration.ledger.paths import is_of_attempt
from orchestration.spec.sweep import Checkpoints, SweepSpec

LAST_AND_BEST = 2
"""So many of a trial's checkpoints stay whatever a disk budget says, where there are so many."""


def newest(refs: Iterable[CheckpointRef]) -> CheckpointRef | None:
    """The checkpoint of the latest epoch; None where there is none."""
    return next(iter(newest_first(refs)), None)


def newest_first(refs: Iterable[CheckpointRef]) -> list[CheckpointRef]:
    """Checkpoints from the latest epoch to the first."""
    return sorted(refs, key=lambda ref: ref.epoch, reverse=True)


def is_asked_for(epoch: int, every_epochs: int | None) -> bool:
    """Whether the sweep file wants the checkpoint of this epoch, whatever comes after it."""
    return every_epochs is not None and epoch % every_epochs == 0


def epochs_kept(epochs: Iterable[int], rule: Checkpoints) -> list[int]:
    """Of the epochs (at least one) that have a checkpoint those whose checkpoints stay, in order.

    These are the last, and of those that the sweep file asks for the newest ``keep``.
    """
    written = sorted(epochs)
    asked_for = [epoch for epoch in written if is_asked_for(epoch, rule.every_epochs)]
    if rule.keep != "all":
        asked_for = asked_for[-rule.keep :]
    return sorted({*asked_for, written[-1]})


def number_kept(epochs: int, rule: Checkpoints) -> int:
    """How many ``epochs_kept`` names of a trial that was trained for so many epochs.

    Counted, because there may be any number of them.
    """
    asked_for = epochs // rule.every_epochs if rule.every_epochs is not None else 0
    if rule.keep != "all":
        asked_for = min(asked_for, rule.keep)
    return asked_for + (not is_asked_for(epochs, rule.every_epochs))


def kept(
    refs: Iterable[CheckpointRef], latest: CheckpointRef, rule: Checkpoints
) -> list[CheckpointRef]:
    """What stays when another checkpoint has been written, in the order of the epochs.

    Args:
        refs: those before; of the epoch of ``latest``, or later ones, none stays.
        latest: the one that was written.
        rule: of the sweep file.

    Returns:
        Those that ``epochs_kept`` names; and where it leaves the one before the last out, that
        one too, marked as spare.
    """
    older = sorted((ref for ref in refs if ref.epoch < latest.epoch), key=lambda ref: ref.epoch)
    staying = set(epochs_kept([*(ref.epoch for ref in older), latest.epoch], rule))
    named = [
        ref.model_copy(update={"spare": ref.epoch not in staying})
        for ref in older
        if ref.epoch in staying or ref is older[-1]
    ]
    return [*named, latest]


def without_spares(refs: Iterable[CheckpointRef]) -> list[CheckpointRef]:
    """What stays once the last checkpoint has been read, and is good."""
    return [ref for ref in refs if not ref.spare]


def usable(refs: Iterable[CheckpointRef], from_epoch: int, attempt: int) -> list[CheckpointRef]:
    """What stays when an attempt began from the checkpoint of ``from_epoch`` (0: from none).

    Newer ones of attempts before could not be used, or it would have begun from them.
    """
    return [ref for ref in refs if ref.epoch <= from_epoch or is_of_attempt(ref.path, attempt)]


def needed(refs: Iterable[CheckpointRef], newest_before: str | None) -> set[str]:
    """Paths of the files that have to stay beside a trial's document.

    Args:
        refs: that the document names.
        newest_before: path of the newest checkpoint that the version before names: the trial can
            be continued with that version too. None: it names none.
    """
    return {ref.path for ref in refs} | ({newest_before} if newest_before else set())


class Criterion(NamedTuple):
    """What makes an epoch better than another."""

    metric: str
    sign: int
    """1 where larger is better, else -1."""


def criterion_of(spec: SweepSpec) -> Criterion | None:
    """What a sweep selects by: the scheduler's metric, else its first objective, else nothing."""
    if spec.scheduler is not None:
        return Criterion(spec.scheduler.metric, sign_of(spec.scheduler.metric))
    if spec.search is not None:
        first = spec.search.objectives[0]
        return Criterion(first.metric, first.sign)
    return None


def best_of(trial: Trial, criterion: Criterion | None) -> CheckpointRef | None:
    """The checkpoint of the best epoch, of equal ones the first; None where nothing tells.

    Where what the sweep selects by was measured at none of them, the metric of the trial's own
    selection decides, then the validation loss.
    """
    selected = trial.config["selection"]["metric"]
    own = Criterion(selected, sign_of(selected))
    metrics = {record.epoch: record.metrics for record in trial.epochs}
    for metric, sign in filter(None, (criterion, own, Criterion("val/loss", -1))):
        values = [
            (sign * metrics[ref.epoch][metric], -ref.epoch, ref)
            for ref in without_spares(trial.checkpoints)
            if metric in metrics.get(ref.epoch, {})
        ]
        if values:
            return max(values, key=lambda value: value[:2])[2]
    return None


class Superfluous(NamedTuple):
    """A checkpoint that is to go."""

    key: str
    """Of its trial."""
    ref: CheckpointRef


def superfluous(
    trials: Mapping[str, Trial], allowed: int, every: int | None, criterion: Criterion | None
) -> list[Superfluous]:
    """The checkpoints that a disk budget has go, in that order; no more than needed.

    The last and the best of each trial stay. Of the others those go first that are there only for
    the case that the last one is damaged, then the oldest ones, whichever trial they are of.

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
        own = [ref for ref in others if ref.spare or not is_asked_for(ref.epoch, every)]
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


def total_bytes(trials: Mapping[str, Trial]) -> int:
    """What all checkpoints take, as the ledger has it."""
    return sum(ref.bytes for trial in trials.values() for ref in trial.checkpoints)


def _others(trial: Trial, criterion: Criterion | None) -> list[CheckpointRef]:
    """All but the last and the best, in the order of their epochs."""
    if len(trial.checkpoints) < LAST_AND_BEST:
        return []
    refs = sorted(trial.checkpoints, key=lambda ref: ref.epoch)
    best = best_of(trial, criterion)
    return [ref for ref in refs[:-1] if ref is not best]


def _dated(
    key: str, trial: Trial, refs: list[CheckpointRef]
) -> Iterator[tuple[float, str, CheckpointRef]]:
    ended = {record.epoch: record.at for record in trial.epochs} if refs else {}
    return ((ended.get(ref.epoch, 0.0), key, ref) for ref in refs)


def _age(dated: tuple[float, str, CheckpointRef]) -> tuple[float, int, str]:
    at, key, ref = dated
    return at, ref.epoch, key
