"""Whether a sweep that is planned can have a verdict at all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from cvae_core.baselines import BASELINES
from orchestration.compare.measured import REPEATS
from orchestration.compare.paired import MOST_PAIRS, pairs_needed
from orchestration.compare.pairs import rows_of
from orchestration.plan.plan import Plan
from orchestration.spec.trial_names import settings_of
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
    rows = rows_of(_compared(plan))
    common = len(set.intersection(*seeds.values()))
    here = count(replicates, "replicate") if plan.studies else count(common, "seed")
    needed = pairs_needed(math.inf, max(rows, 1)) or MOST_PAIRS
    if (replicates if plan.studies else common) >= needed:
        return None
    over = f" over the {rows} rows of VAE and CVAE" if rows > 1 else ""
    return f"{here}: means without a verdict, which takes {needed} or more{over} (docs/compare.md)"


def _compared(plan: Plan) -> Iterator[dict[str, Any]]:
    """What the sides of comparisons differ in: of searches all that is not searched."""
    for config in plan.trials.values():
        if config.model not in BASELINES:
            yield {n: v for n, v in settings_of(config).items() if n not in REPEATS}
    for study in plan.studies.values():
        searched = {dimension.name for dimension in study.dimensions}
        yield {n: v for n, v in settings_of(study.example).items() if n not in searched}
