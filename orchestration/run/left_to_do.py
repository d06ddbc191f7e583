"""Whether anything of a sweep is left to do."""

from __future__ import annotations

from orchestration.ledger.ledger import Ledger
from orchestration.plan.evaluation_tasks import open_tasks
from orchestration.plan.plan import Plan
from orchestration.plan.shared_map_tasks import missing, shared_tasks
from orchestration.redact import without_credentials
from orchestration.run.request import Request
from orchestration.tracking.syncer import up_to_date


def was_told(request: Request, ledger: Ledger, uri: str) -> bool:
    """Whether it is noted how the sweep ended, and MLflow has been told that and all else."""
    at_rest = ["finished", "failed"] + ["interrupted"] * (request.wish is not None)
    same = ledger.sweep.tracking_uri == without_credentials(uri)
    return ledger.sweep.outcome in at_rest and same and up_to_date(ledger)


def is_complete(request: Request, plan: Plan, ledger: Ledger) -> bool:
    """Whether every trial has ended and been evaluated."""
    if request.wish is not None:
        return not missing(ledger, request.spec.evaluation, request.wish)
    if request.retry is not None:
        return False
    if plan.studies and not _searched(request, plan, ledger):
        return False
    for key in ledger.planned_keys() if plan.studies else plan.trials:
        trial = ledger.trials.get(key)
        if trial is None or trial.is_open:
            return False
        if open_tasks(trial, request.spec.evaluation):
            return False
    return not shared_tasks(ledger, request.spec.evaluation)


def _searched(request: Request, plan: Plan, ledger: Ledger) -> bool:
    """Whether every study has ended with as many trials and replicates as it is to have."""
    if list(plan.studies) != ledger.sweep.studies or request.spec.search is None:
        return False
    for key, wanted in plan.studies.items():
        study = ledger.studies[key]
        replicated = len(study.replicates) == request.spec.search.replicates
        if study.end is None or study.trials != wanted.trials:
            return False
        if study.winner is not None and not replicated:
            return False
    return True
