"""``resources.cpu: auto`` in a request: chosen when a sweep begins, and kept from then on."""

from __future__ import annotations

from dataclasses import replace

from orchestration.ledger.ledger import Ledger
from orchestration.plan.plan import Plan
from orchestration.run.preparation import SweepData
from orchestration.run.request import Request
from orchestration.terminal.console import Console


def as_begun(request: Request, ledger: Ledger) -> Request:
    """With the number that the sweep was last run with, where its file leaves it open."""
    noted = ledger.sweep.spec.get("resources", {}).get("cpu")
    if request.spec.resources.cpu != "auto" or not isinstance(noted, int):
        return request
    return _with(request, noted, "as this sweep has had before")


def chosen(
    request: Request, plan: Plan, data: SweepData, ledger: Ledger, console: Console
) -> Request:
    """With a number chosen for this machine, where the sweep's file leaves it open."""
    if request.spec.resources.cpu != "auto":
        return request
    if request.flags.address is not None:
        return _with(request, 1, "auto measures this machine alone: name resources.cpu")
    from orchestration.plan.auto_cpu import choose_cpu

    with console.busy("measuring what a step gains from more threads", plain=False):
        threads, why = choose_cpu(
            request.spec, plan, data.sets, ledger, request.flags.max_concurrent
        )
    return _with(request, threads, f"chosen: {why}")


def _with(request: Request, threads: int, why: str) -> Request:
    resources = request.spec.resources.model_copy(update={"cpu": threads})
    spec = request.spec.model_copy(update={"resources": resources})
    return replace(request, spec=spec, why_threads=why)
