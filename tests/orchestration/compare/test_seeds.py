"""That a sweep cannot have a verdict is said before hours are spent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestration.compare.seeds import too_few_seeds
from orchestration.plan.plan import make_plan
from orchestration.spec.sweep import SweepSpec

SEARCH = "search: {trials: 3, space: {beta: {log: [1.0e-4, 1.0]}}}"

OVER_THREE = (
    "6 seeds: means without a verdict, which takes 7 or more over the 3 rows of VAE and CVAE "
)
OVER_TWO = (
    "6 replicates: means without a verdict, which takes 7 or more over the 2 rows of VAE and CVAE "
)


@pytest.mark.parametrize(
    ("text", "replicates", "said"),
    [
        ("grid: {model: [vae, cvae]}", 0, "1 seed: means without a verdict"),
        ("grid: {model: [vae, cvae]}\nseeds: [0, 1, 2, 3, 4]", 0, "5 seeds: means without"),
        ("grid: {model: [vae, cvae]}\nseeds: [0, 1, 2, 3, 4, 5]", 0, None),
        # Two of 2⁶ flips are 3 %, and no more than that may one of three rows have.
        ("grid: {model: [vae, cvae], beta: [1, 2, 3]}\nseeds: [0, 1, 2, 3, 4, 5]", 0, OVER_THREE),
        ("grid: {model: [vae, cvae], beta: [1, 2, 3]}\nseeds: [0, 1, 2, 3, 4, 5, 6]", 0, None),
        ("grid: {model: [vae, cvae], lambda: [1, 2, 3]}\nseeds: [0, 1, 2, 3, 4, 5]", 0, OVER_THREE),
        ("grid: {model: [cvae], beta: [1, 2]}", 0, None),  # nothing to compare by model
        (f"grid: {{model: [vae, cvae]}}\n{SEARCH}", 3, "3 replicates: means without a verdict"),
        (f"grid: {{model: [vae, cvae]}}\n{SEARCH}", 6, None),
        (f"grid: {{model: [vae, cvae], batch_size: [64, 128]}}\n{SEARCH}", 6, OVER_TWO),
        (f"grid: {{model: [vae, cvae], batch_size: [64, 128]}}\n{SEARCH}", 7, None),
        (f"grid: {{model: [vae]}}\n{SEARCH}", 0, None),
    ],
)
def test_seeds_of_both_families(
    load: Callable[..., SweepSpec], text: str, replicates: int, said: str | None
) -> None:
    found = too_few_seeds(make_plan(load(f"name: a\n{text}")), replicates)
    assert found is None if said is None else str(found).startswith(said)
