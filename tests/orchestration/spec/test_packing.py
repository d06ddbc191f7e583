from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from cvae_core.config import TrialConfig
from orchestration.errors import UserError
from orchestration.plan.plan import make_plan
from orchestration.spec.layers import Layers
from orchestration.spec.reading import parse_spec
from orchestration.spec.sweep import SweepSpec
from orchestration.spec.trial_key import canonical, trial_key

SEARCH = {
    "trials": 2,
    "space": {"beta": {"log": [1e-4, 1e-1]}},
    "objectives": [{"metric": "val/reconstruction", "direction": "minimize"}],
}
PACK = {"gpu": 1, "pack": 8}
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no GPU": ({"resources": {"pack": 8}}, "resources.pack: is for trials that share a GPU"),
    "none": ({"resources": {"gpu": 1, "pack": 0}}, "resources.pack: "),
    "a search": (
        {"resources": PACK, "search": SEARCH},
        "resources.pack: cannot be had in a search",
    ),
    "base": ({"base": {"packed": True}}, "base.packed: leave it out: resources.pack sets it"),
    "grid": ({"grid": {"packed": [True]}}, "grid.packed: leave it out"),
    "grids": ({"grid": [{"beta": [1]}, {"packed": [True]}]}, "packed: leave it out"),
    "space": (
        {"search": SEARCH | {"space": {"packed": {"values": [True, False]}}}},
        "search.space.packed: leave it out",
    ),
}


def spec(**sections: Any) -> SweepSpec:
    return parse_spec(Layers(Path("a.yaml"), {"name": "a", **sections}, {}))


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(case: str) -> None:
    sections, said = BAD[case]
    with pytest.raises(UserError) as caught:
        spec(**sections)
    assert said in str(caught.value)


def test_it_is_part_of_the_key_and_changes_no_other() -> None:
    config = TrialConfig.from_settings({"model": "cvae"})
    packed = dataclasses.replace(config, packed=True)
    assert "packed" not in canonical(config)
    assert canonical(packed) == canonical(config) | {"packed": True}
    assert trial_key(packed) != trial_key(config)
    alone, together = (make_plan(spec(resources=r, baselines=True)) for r in ({"gpu": 1}, PACK))
    models = [config.model for config in alone.trials.values()]
    for model, key, other in zip(models, alone.trials, together.trials, strict=True):
        # Those that are trained alone in any case are the same trials.
        assert (key == other) == (model != "vae")
