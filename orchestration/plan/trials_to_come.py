"""The trials that a plan comes to in the end, those of its studies included."""

from __future__ import annotations

from collections.abc import Callable

from cvae_core.config import TrialConfig
from orchestration.ledger.documents import Study
from orchestration.ledger.ledger import Ledger
from orchestration.plan.plan import Plan
from orchestration.study.cells import StudyPlan
from orchestration.study.progress import best_of, distinct, missing


def expected_trials(
    plan: Plan,
    ledger: Ledger,
    stand_in: Callable[[StudyPlan], TrialConfig] = lambda study: study.example,
) -> dict[str, TrialConfig]:
    """All trials by key; those that were not asked for yet have keys that no trial has.

    Args:
        plan: of the sweep.
        ledger: of what has been done.
        stand_in: what a study's trials are like, where they need not be told apart.
    """
    trials = dict(plan.trials)
    for study in plan.studies.values():
        stored = ledger.studies.get(study.key)
        stored_keys = asked_keys(stored) + ([] if stored is None else stored.replicates)
        coming = to_ask(study, ledger)
        if stored is None or coming or not _without_best(stored, ledger):
            coming += max(study.replicates - (0 if stored is None else len(stored.replicates)), 0)
        made_up = [f"{study.key}.{number}" for number in range(coming)]
        trials |= dict.fromkeys([*stored_keys, *made_up], stand_in(study))
    return trials


def asked_keys(study: Study | None) -> list[str]:
    """Keys of the trials that a study has asked for, each once."""
    return [] if study is None else [ask.key for ask in distinct(study)]


def _without_best(study: Study, ledger: Ledger) -> bool:
    """Whether a study has come to its end with nothing that could be trained again."""
    return study.end is not None and best_of(study, ledger.trials) is None


def to_ask(study: StudyPlan, ledger: Ledger) -> int:
    """How many trials a study will still ask for, as far as it is known."""
    stored = ledger.studies.get(study.key)
    if stored is None:
        return study.trials
    return missing(stored.model_copy(update={"trials": study.trials}), ledger.trials)
