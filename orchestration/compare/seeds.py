"""Whether a sweep that is planned can have a verdict at all."""

from __future__ import annotations

from cvae_core.baselines import BASELINES
from orchestration.compare.paired import LEAST_PAIRS
from orchestration.plan.plan import Plan
from orchestration.words import count


def too_few_seeds(plan: Plan, replicates: int = 0) -> str | None:
    """What a person should know before hours are spent; None where there are enough seeds.

    Args:
        plan: of the sweep; with one model there is nothing to compare.
        replicates: of each study's best, on which verdicts on searches rest.
    """
    seeds: dict[str, set[int]] = {}
    for config in plan.configs:
        if config.model not in BASELINES:
            seeds.setdefault(config.model, set()).add(config.seed)
    if len(seeds) < 2:
        return None
    common = len(set.intersection(*seeds.values()))
    here = count(replicates, "replicate") if plan.studies else count(common, "seed")
    if (replicates if plan.studies else common) >= LEAST_PAIRS:
        return None
    return f"{here}: means without a verdict, which takes {LEAST_PAIRS} or more (docs/compare.md)"
