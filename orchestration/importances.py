"""How much each searched parameter matters, as Optuna sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestration.counting import count
from orchestration.documents import Study
from orchestration.flatten import flat
from orchestration.ledger import Ledger
from orchestration.spaces import Dimension
from orchestration.studystate import objectives_of


def add_importances(document: dict[str, Any], ledger: Ledger) -> None:
    """Put importances beside each study of a comparison, and why where there are none.

    Args:
        document: as ``search_comparison`` makes it.
        ledger: that it is of.
    """
    from orchestration.study import MIN_IMPORTANCE_TRIALS

    missing = []
    for each in document["studies"]:
        shares = importances(ledger.studies[each["key"]], ledger)
        each["importances"] = shares if any(shares) else None
        if not any(shares):
            finished = each["trials"]["finished"]
            why = (
                f"it takes {MIN_IMPORTANCE_TRIALS} finished trials, there are {finished}"
                if finished < MIN_IMPORTANCE_TRIALS
                else f"{count(finished, 'finished trial')} do not differ in the objective"
            )
            missing.append(f"no importances of {each['name']}: {why}")
    document["importances_missing"] = missing


def importances(study: Study, ledger: Ledger) -> list[Mapping[str, float]]:
    """Per objective: the share of its variation that each parameter explains.

    Empty where too few trials have finished, or all with the same value.
    """
    # Importing Optuna takes a second, which only who asks for importances is to wait for.
    from orchestration.outcomes import outcome_of
    from orchestration.study import Advisor

    objectives = objectives_of(study)
    advisor = Advisor(
        [Dimension.from_json(name, stored) for name, stored in study.space.items()],
        flat(study.fixed),
        [objective.direction or "maximize" for objective in objectives],
        study.sampler,
        study.seed,
        study.startup,
    )
    asks = [ask for ask in study.asks if ask.duplicate_of is None and ask.key in ledger.trials]
    advisor.add_all((ask.params, outcome_of(ledger.trials[ask.key], objectives)) for ask in asks)
    return list(advisor.importances())
