"""By what a sweep's trials are sorted."""

from __future__ import annotations

from orchestration.ledger.documents import Sweep

USUAL = "probe/accuracy"


def best_by(sweep: Sweep) -> tuple[str, bool]:
    """A metric, and whether the smallest is first: a search has its own."""
    for objective in (sweep.spec.get("search") or {}).get("objectives", ()):
        return objective["metric"], objective["direction"] == "minimize"
    return USUAL, False
