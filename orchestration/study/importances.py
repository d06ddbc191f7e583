"""How much each searched parameter matters, as Optuna sees it."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.ledger.documents import Study
from orchestration.ledger.ledger import Ledger
from orchestration.spec.dimensions import Dimension
from orchestration.spec.flat_names import flat
from orchestration.study.progress import objectives_of


def importances(study: Study, ledger: Ledger) -> list[Mapping[str, float]]:
    """Per objective: the share of its variation that each parameter explains.

    Empty where too few trials have finished, or all with the same value.
    """
    # Importing Optuna takes a second, which only who asks for importances is to wait for.
    from orchestration.study.advisor import Advisor
    from orchestration.study.outcomes import outcome_of

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
