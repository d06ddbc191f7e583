from __future__ import annotations

import pytest
import torch

from cvae_core.data import split_indices
from cvae_core.errors import DataError


@pytest.mark.parametrize("count", [60_000, 1437, 10, 2])
def test_parts_are_disjoint_and_complete(count: int) -> None:
    train, val = split_indices(count, 0.3, 0)
    assert torch.equal(torch.cat([train, val]).sort().values, torch.arange(count))
    assert len(val) == max(1, round(0.3 * count))


def test_a_tenth_is_held_out_at_random() -> None:
    train, val = split_indices(60_000, 0.1, 0)
    assert (len(train), len(val)) == (54_000, 6_000)
    # Spread over the whole range, as a run of neighbours is not.
    assert val.float().mean().item() == pytest.approx(30_000, rel=0.05)
    assert val.float().std().item() == pytest.approx(60_000 / 12**0.5, rel=0.05)


def test_depends_on_its_seed_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    train, val = split_indices(100, 0.1, 0)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    for again, part in zip(split_indices(100, 0.1, 0), (train, val), strict=True):
        assert torch.equal(again, part)
    assert not torch.equal(split_indices(100, 0.1, 1)[1].sort().values, val.sort().values)


@pytest.mark.parametrize(("count", "fraction"), [(4, 0.1), (1, 0.5), (3, 0.9)])
def test_an_empty_part_is_refused(count: int, fraction: float) -> None:
    with pytest.raises(DataError, match=f"{count} training images .* {fraction}"):
        split_indices(count, fraction, 0)
