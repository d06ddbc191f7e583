"""Crop boxes against those that torchvision's RandomResizedCrop draws."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import stats

from cvae_core.data.views.crop import Boxes
from tests.cvae_core.data.views.drawn import draw_boxes

DRAWS = 4000
CASES = [
    ((28, 28), (0.8, 1.0), (3 / 4, 4 / 3)),
    ((32, 32), (0.08, 1.0), (3 / 4, 4 / 3)),
    # Tall: most draws do not fit at first.
    ((40, 21), (0.5, 1.0), (0.6, 1.6)),
]
# No draw can fit, so that the fallback decides: both clamped sides, and the whole image.
FALLBACKS = [
    ((28, 28), (0.9, 1.0), (2.0, 3.0)),
    ((28, 28), (0.9, 1.0), (0.3, 0.4)),
    ((31, 90), (0.99, 1.0), (0.5, 1.2)),
]
Case = tuple[tuple[int, int], tuple[float, float], tuple[float, float]]


def ours(case: Case, draws: int = DRAWS) -> Boxes:
    size, scale, ratio = case
    return draw_boxes(draws, size, scale, ratio, torch.Generator().manual_seed(0))


def torchvisions(v2: ModuleType, case: Case, draws: int = DRAWS) -> Boxes:
    size, scale, ratio = case
    transform = v2.RandomResizedCrop(size, scale=scale, ratio=ratio)
    image = [torch.empty(1, *size)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = [transform.make_params(image) for _ in range(draws)]
    names = ("top", "left", "height", "width")
    return Boxes(*(torch.tensor([params[name] for params in drawn]) for name in names))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_are_distributed_as_torchvisions(v2: ModuleType, case: Case) -> None:
    mine, theirs = ours(case, 5 * DRAWS), torchvisions(v2, case)
    derived = {
        "area": lambda b: b.height * b.width,
        "bottom": lambda b: b.top + b.height,
        "right": lambda b: b.left + b.width,
        "shape": lambda b: b.height - b.width,
    }
    for name in ("top", "left", "height", "width", *derived):
        a, b = (
            np.asarray(derived[name](x) if name in derived else getattr(x, name), dtype=float)
            for x in (mine, theirs)
        )
        error = np.sqrt(a.var() / len(a) + b.var() / len(b))
        assert abs(a.mean() - b.mean()) < 4 * error, name
        assert a.std() == pytest.approx(b.std(), rel=0.08), name
        assert stats.ks_2samp(a, b).pvalue > 1e-3, name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_lie_inside_the_image_and_reach_its_borders(case: Case) -> None:
    (height, width), scale, _ = case
    top, left, h, w = ours(case, 20_000)
    for start, length, side in ((top, h, height), (left, w, width)):
        assert start.min() == 0
        assert length.min() >= 1
        assert (start + length).max() == side
    # Half a pixel of rounding on either side of a box.
    share = (h * w) / (height * width)
    slack = (height + width) / 2 / (height * width) + 0.01
    assert share.min() >= scale[0] - slack
    assert share.max() <= scale[1] + slack


@pytest.mark.parametrize("case", FALLBACKS, ids=str)
def test_fall_back_to_the_largest_centred_box(v2: ModuleType, case: Case) -> None:
    for mine, theirs in zip(ours(case, 50), torchvisions(v2, case, 50), strict=True):
        assert torch.equal(mine, theirs)
