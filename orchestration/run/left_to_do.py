"""Whether anything of a sweep is left to do, and what."""

from __future__ import annotations

from orchestration.commands import sweep_command
from orchestration.engine.queue import Queue
from orchestration.ledger.checkpoints import without_spares
from orchestration.ledger.draft import Draft
from orchestration.ledger.ledger import Ledger
from orchestration.plan.evaluation_tasks import open_tasks
from orchestration.plan.plan import Plan
from orchestration.plan.shared_map_tasks import missing, shared_tasks
from orchestration.plan.trials_to_come import expected_trials
from orchestration.redact import without_credentials
from orchestration.run.finished_trials import FinishedTrials
from orchestration.run.request import Request
from orchestration.run.reuse import Reuse
from orchestration.study.progress import best_of, ending
from orchestration.tracking.syncer import up_to_date
from orchestration.words import count


def was_told(request: Request, ledger: Ledger, uri: str) -> bool:
    """Whether it is noted how the sweep ended, and MLflow has been told that and all else."""
    at_rest = ["finished", "failed"] + ["interrupted"] * (request.wish is not None)
    same = ledger.sweep.tracking_uri == without_credentials(uri)
    return ledger.sweep.outcome in at_rest and same and up_to_date(ledger)


def is_complete(request: Request, ledger: Ledger) -> bool:
    """Whether every trial has ended and been evaluated.

    Args:
        request: what is wanted.
        ledger: of the sweep, the plan of this request entered: another one is complete by itself.
    """
    if request.wish is not None:
        return not missing(ledger, request.spec.evaluation, request.wish)
    if request.retry is not None:
        return False
    if not _searched(request, ledger):
        return False
    for key in ledger.planned_keys():
        trial = ledger.trials.get(key)
        if trial is None or trial.is_open:
            return False
        if open_tasks(trial, request.spec.evaluation):
            return False
    return not shared_tasks(ledger, request.spec.evaluation)


def is_done_without_engine(
    request: Request, plan: Plan, draft: Draft, finished: FinishedTrials | None
) -> bool:
    """Whether nothing is to be trained or evaluated once all is taken over that was trained before.

    Args:
        request: what is wanted.
        plan: its trials.
        draft: of the sweep, the plan entered: of a search it gets what that will ask for.
        finished: trials that may be taken over; None: none may.
    """
    if request.wish is not None:
        return False
    queue = Queue(request.spec, plan, draft, take_over=Reuse(draft, finished).take_over)
    return queue.next() is None and queue.done


def _searched(request: Request, ledger: Ledger) -> bool:
    """Whether every study has ended with as many trials and replicates as it is to have."""
    replicates = request.spec.search.replicates if request.spec.search else 0
    for study in ledger.planned_studies():
        # Of one that is to have more trials now, what is noted of its end holds no longer.
        if study.end is None or ending(study, ledger.trials) != study.end:
            return False
        # No winner is noted where it was not to be repeated.
        replicated = len(study.replicates) == replicates
        if not replicated and best_of(study, ledger.trials) is not None:
            return False
    return True


def in_words(request: Request, plan: Plan, ledger: Ledger) -> str:
    """What a request is about to do, such as ``6 trials``.

    Args:
        request: what is wanted.
        plan: its trials.
        ledger: of the sweep.
    """
    if request.wish is None:
        trials = count(len(expected_trials(plan, ledger)), "trial")
        if not plan.studies:
            return trials
        repeated = any(study.replicates for study in plan.studies.values())
        with_them = ", replicates included" if repeated else ""
        return f"{trials} in {count(len(plan.studies), 'study')}{with_them}"
    keys = [key for key, _ in missing(ledger, request.spec.evaluation, request.wish)]
    adding = f"{count(len(keys), 'evaluation')} of {count(len(set(keys) - {''}), 'trial')}"
    kept = max((len(without_spares(trial.checkpoints)) for trial in ledger.planned()), default=0)
    if request.wish.every_checkpoint and kept <= 1:
        adding += (
            "; one checkpoint of each trial was kept, so there is no convergence to be seen "
            "(set checkpoints.every_epochs before training)"
        )
    untrained = sum(trial.is_open for trial in ledger.planned())
    if not untrained:
        return adding
    resume = sweep_command("resume", ledger.folder)
    return f"{adding} ({count(untrained, 'trial')} not trained yet, see {resume})"
