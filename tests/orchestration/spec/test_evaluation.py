"""The section ``evaluation``: what the core's parts declare is all that it knows of them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from cvae_core.evaluation.metrics import METRICS
from cvae_core.evaluation.part import Part, Seconds
from cvae_core.evaluation.parts import PARTS
from cvae_core.evaluation.pictures.declaration import PicturesConfig
from orchestration.plan.calibrate import Cost, part_seconds
from orchestration.spec.checks.metrics import sealed
from orchestration.spec.evaluation import Evaluation

ONE_MORE = """
import sys
from pathlib import Path
from cvae_core.evaluation.distances.declaration import FidConfig
from cvae_core.evaluation.metric import Metric
from cvae_core.evaluation.part import Part
from cvae_core.evaluation.parts import PARTS

metric = Metric("new/figure", "new", "a new figure", "lower")
PARTS["new"] = Part(
    "new", "nowhere", FidConfig, on=True, title="new", metrics=(metric,), paths=("weights",)
)
from cvae_core.evaluation.metrics import describe
from orchestration.spec.evaluation import Evaluation

assert describe("val/new_figure") is metric
assert Evaluation().wanted()["new"]["n"] == 10_000
assert Evaluation(new=False).wanted().keys() == PARTS.keys() - {"fid", "iwae", "new"}
located = Evaluation(new={"weights": "w.pth"}, fid={"weights": "~/w.pth"}).located(Path("/here"))
assert (located.new, located.fid) == ({"weights": "/here/w.pth"}, {"weights": "~/w.pth"})
assert not {"torch", "numpy", "scipy", "sklearn"} & set(sys.modules)
"""


def test_a_part_is_added_in_one_place() -> None:
    subprocess.run([sys.executable, "-c", ONE_MORE], check=True)


def test_an_estimate_takes_the_seconds_that_a_part_declares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cost = Cost(1.0, 1.0, 1.0, {"measured": 7.0})
    declared = Part("declared", "", PicturesConfig, True, "", seconds=Seconds(2.0, 0.5))
    monkeypatch.setitem(PARTS, "declared", declared)
    monkeypatch.setitem(PARTS, "measured", Part("measured", "", PicturesConfig, True, ""))
    assert part_seconds("declared", cost, 4_000, None) == 2.0 + 4 * 0.5
    assert part_seconds("declared", cost, 60_000, None) == 2.0 + 10 * 0.5, "it looks at 10,000"
    assert part_seconds("measured", cost, 4_000, None) == 7.0


@pytest.mark.parametrize(
    ("settings", "images"),
    [
        ({}, 4_000),
        ({"n": 2_000}, 2_000),
        ({"sources": ["prior", "gaussian", "mixture"], "detail_n": 500}, 4_000 + 2 * 500),
        ({"sources": ["prior", "mixture"], "n": 300}, 300 + 300),
    ],
)
def test_an_estimate_knows_how_many_images_a_distance_is_of(
    settings: dict[str, Any], images: int
) -> None:
    asked = Evaluation(fid=settings).settings_of("fid")
    seconds = PARTS["fid"].seconds
    assert seconds is not None
    assert part_seconds("fid", Cost(1.0, 1.0, 1.0, {}), 4_000, asked) == seconds.of(images)


@pytest.mark.parametrize("name", sorted({metric.stand_in for metric in METRICS}))
def test_what_stands_in_is_open_to_searches(name: str) -> None:
    assert sealed(name) is None
