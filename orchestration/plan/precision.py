"""In which numbers a plan's trials compute, and whether other ones would be faster here."""

from __future__ import annotations

from cvae_core.baselines import BASELINES
from orchestration.machine import bfloat16_instructions
from orchestration.plan.plan import Plan

SETTING = "precision"


def asks_for(precision: str, plan: Plan) -> bool:
    """Whether a trial computes in these numbers, or one that a search may ask for."""
    trained = [config.precision for config in plan.configs if config.model not in BASELINES]
    dimensions = [d for study in plan.studies.values() for d in study.dimensions]
    searched = [choice for d in dimensions if d.name == SETTING for choice in d.choices]
    return precision in (*trained, *searched)


def precision_here(plan: Plan) -> dict[str, str | None]:
    """What this machine's processors have for bfloat16, and which precision would be faster.

    ``instructions``: as the processor calls them; None: it has none. ``faster``: what no trial of
    the plan computes in although it is the faster one here; None: there is no such.
    """
    instructions = bfloat16_instructions()
    faster, slower = ("float32", "bfloat16") if instructions is None else ("bfloat16", "float32")
    missed = asks_for(slower, plan) and not asks_for(faster, plan)
    return {"instructions": instructions, "faster": faster if missed else None}
