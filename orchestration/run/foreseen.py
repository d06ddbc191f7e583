"""How a sweep would stand once it has begun, without beginning it."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.ledger.draft import Draft
from orchestration.ledger.ledger import Ledger
from orchestration.plan.plan import Plan
from orchestration.run.finished_trials import FinishedTrials
from orchestration.run.request import Request
from orchestration.run.reuse import Reuse
from orchestration.run.start import enter_plan, note_code


def planned_draft(
    request: Request, plan: Plan, ledger: Ledger, fingerprints: Mapping[str, str]
) -> tuple[Draft, FinishedTrials | None]:
    """A sweep with a plan entered, and the trials that it may take over; None: it takes none.

    Args:
        request: what is wanted.
        plan: its trials.
        ledger: of the sweep; it is left as it is.
        fingerprints: of its data sets.
    """
    draft = Draft.of(ledger)
    note_code(draft.sweep)
    enter_plan(draft, request, plan, dict(fingerprints))
    trains = request.wish is None and request.spec.scheduler is None
    reuses = trains and request.flags.reuse is not False
    return draft, FinishedTrials(draft) if reuses else None


def as_it_begins(
    request: Request, plan: Plan, ledger: Ledger, fingerprints: Mapping[str, str]
) -> Draft:
    """A sweep with what was trained before taken over, as far as its trials are known by now.

    Args:
        request: what is wanted.
        plan: its trials.
        ledger: of the sweep; it is left as it is.
        fingerprints: of its data sets.
    """
    draft, finished = planned_draft(request, plan, ledger, fingerprints)
    Reuse(draft, finished).take_over_planned()
    return draft
