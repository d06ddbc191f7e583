from __future__ import annotations

import pytest
import torch
from scipy import stats

from cvae_core.data.views.chosen import on_chosen
from tests.cvae_core.data.views.drawn import draw_chosen

COUNT = 20_000


@pytest.mark.parametrize("probability", [0.2, 0.5, 0.9])
def test_each_image_is_chosen_by_a_draw_of_its_own(probability: float) -> None:
    generator = torch.Generator().manual_seed(0)
    chosen = torch.zeros(COUNT, dtype=torch.int64)
    chosen[draw_chosen(COUNT, probability, generator)] = 1
    test = stats.binomtest(int(chosen.sum()), COUNT, probability)
    assert test.pvalue > 1e-3
    # Neighbours are independent: pairs are as frequent as the product says.
    pairs = torch.bincount(2 * chosen[::2] + chosen[1::2], minlength=4)
    p, q = probability, 1 - probability
    expected = torch.tensor([q * q, q * p, p * q, p * p], dtype=torch.float64) * COUNT / 2
    assert stats.chisquare(pairs, expected).pvalue > 1e-3


def test_never_and_always() -> None:
    generator = torch.Generator().manual_seed(0)
    assert len(draw_chosen(COUNT, 0.0, generator)) == 0
    assert torch.equal(draw_chosen(COUNT, 1.0, generator), torch.arange(COUNT))


@pytest.mark.parametrize("chosen", [[], [2], [0, 3], [0, 1, 2, 3]], ids=str)
def test_only_the_chosen_go_through_the_view(chosen: list[int]) -> None:
    batch = torch.arange(4.0).view(4, 1, 1, 1)
    result = on_chosen(batch, torch.tensor(chosen, dtype=torch.int64), lambda some: some + 10)
    assert result.flatten().tolist() == [i + 10 if i in chosen else i for i in range(4)]
    assert batch.flatten().tolist() == [0, 1, 2, 3]
