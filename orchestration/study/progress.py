"""How far a study is, from its asks and from what came of their trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Literal, Protocol

from orchestration.ledger.documents import OPEN, Ask, Study, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.spec.search import Objective
from orchestration.study.values import values_of

DUPLICATES = 100
"""So many suggestions in a row that were there before: the space is exhausted."""
FAILURES = 20
"""So many trials in a row that failed: the next ones would as well."""

End = Literal["complete", "exhausted", "failing"]


class HasState(Protocol):
    """A trial, as far as counting needs it."""

    @property
    def state(self) -> str:
        """As in the ledger."""


@dataclass(frozen=True)
class Progress:
    """A study's trials, each counted once; its replicates are not among them."""

    asked: int
    finished: int
    stopped: int
    failed: int
    duplicates: int

    @property
    def trained(self) -> int:
        """Trials that count: those that were trained to their end, or stopped by a scheduler."""
        return self.finished + self.stopped

    @property
    def under_way(self) -> int:
        """Trials that wait for a worker, or have one."""
        return self.asked - self.trained - self.failed


def progress(study: Study, trials: Mapping[str, HasState]) -> Progress:
    """Count a study's trials.

    Args:
        study: with its asks.
        trials: by key; one that is not there yet is under way.
    """
    asks = distinct(study)
    states = Counter(trials[ask.key].state for ask in asks if ask.key in trials)
    return Progress(
        asked=len(asks),
        finished=states["finished"],
        stopped=states["stopped"],
        failed=states["failed"],
        duplicates=len(study.asks) - len(asks),
    )


def distinct(study: Study) -> list[Ask]:
    """Asks that meant a trial for the first time."""
    return [ask for ask in study.asks if ask.duplicate_of is None]


def missing(study: Study, trials: Mapping[str, HasState]) -> int:
    """Trials that are still to be asked for, as far as it is known."""
    if _given_up(study, trials) is not None:
        return 0
    done = progress(study, trials)
    return max(study.trials - done.trained - done.under_way, 0)


def ending(study: Study, trials: Mapping[str, HasState]) -> End | None:
    """Why nothing more is asked for; None: something is, or trials are under way."""
    done = progress(study, trials)
    if done.under_way:
        return None
    return "complete" if done.trained >= study.trials else _given_up(study, trials)


def _given_up(study: Study, trials: Mapping[str, HasState]) -> End | None:
    if duplicates_in_a_row(study) >= DUPLICATES:
        return "exhausted"
    # From the end on, as far as it matters: there may be thousands, and this is often asked.
    asks = (ask for ask in reversed(study.asks) if ask.duplicate_of is None)
    states = (trials[ask.key].state for ask in asks if ask.key in trials)
    last = list(islice((state for state in states if state not in OPEN), FAILURES))
    return "failing" if last.count("failed") == FAILURES else None


def duplicates_in_a_row(study: Study) -> int:
    """How many of the last suggestions had been there before."""
    count = 0
    for ask in reversed(study.asks):
        if ask.duplicate_of is None:
            break
        count += 1
    return count


def objectives_of(study: Study) -> list[Objective]:
    """What a study's best is best at."""
    return [Objective.model_validate(objective) for objective in study.objectives]


def best_of(study: Study, trials: Mapping[str, Trial]) -> Ask | None:
    """The best of the trials that were trained to their end; of equal ones the first.

    Only of a study with one objective: several have no single best.
    """
    objectives = objectives_of(study)
    rated: list[tuple[float, Ask]] = []
    for ask in distinct(study):
        trial = trials.get(ask.key)
        if trial is None or trial.state != "finished":
            continue
        values = values_of(trial, objectives)
        if values is not None and len(values) == 1 and isfinite(values[0]):
            rated.append((objectives[0].sign * values[0], ask))
    return max(rated, key=lambda pair: pair[0])[1] if rated else None


def to_come(
    studies: Iterable[Study],
    trials: Mapping[str, HasState],
    replicates: int,
    has_best: Callable[[Study], bool] = lambda study: study.winner is not None,
) -> int:
    """Trials that a search will still ask for, as far as it is known.

    Args:
        studies: of the plan.
        trials: by key.
        replicates: of each study's best.
        has_best: whether a study that has ended has one; a winner is noted where it was repeated.
    """
    total = 0
    for study in studies:
        coming, lacking = missing(study, trials), max(replicates - len(study.replicates), 0)
        if lacking and (coming or study.end is None or has_best(study)):
            coming += lacking
        total += coming
    return total


def to_come_in(ledger: Ledger) -> int:
    """Trials that the studies of a ledger's plan will still ask for, as far as it is known."""
    replicates = (ledger.sweep.spec.get("search") or {}).get("replicates", 0)
    return to_come(
        ledger.planned_studies(),
        ledger.trials,
        replicates,
        lambda study: best_of(study, ledger.trials) is not None,
    )
