"""That a sweep cannot have a verdict is said before hours are spent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.compare.seeds import too_few_seeds
from orchestration.plan.plan import make_plan
from orchestration.spec.sweep import SweepSpec

SEARCH = "search: {trials: 3, space: {beta: {log: [1.0e-4, 1.0]}}}"


@pytest.mark.parametrize(
    ("text", "replicates", "said"),
    [
        ("grid: {model: [vae, cvae]}", 0, "1 seed: means without a verdict"),
        ("grid: {model: [vae, cvae]}\nseeds: [0, 1, 2, 3, 4]", 0, "5 seeds: means without"),
        ("grid: {model: [vae, cvae]}\nseeds: [0, 1, 2, 3, 4, 5]", 0, None),
        ("grid: {model: [cvae], beta: [1, 2]}", 0, None),  # nothing to compare by model
        (f"grid: {{model: [vae, cvae]}}\n{SEARCH}", 3, "3 replicates: means without a verdict"),
        (f"grid: {{model: [vae, cvae]}}\n{SEARCH}", 6, None),
        (f"grid: {{model: [vae]}}\n{SEARCH}", 0, None),
    ],
)
def test_seeds_of_both_families(
    load: Callable[..., SweepSpec], text: str, replicates: int, said: str | None
) -> None:
    found = too_few_seeds(make_plan(load(f"name: a\n{text}")), replicates)
    assert found is None if said is None else str(found).startswith(said)
