from __future__ import annotations

from types import ModuleType

import pytest
import torch
from scipy import stats

from cvae_core.data.views.translation import translate
from tests.cvae_core.data.views.drawn import draw_shifts


def test_equals_torchvision(v2: ModuleType, noise_image: torch.Tensor, interpolation: str) -> None:
    height, width = noise_image.shape[-2:]
    shifts = torch.tensor(
        [(x, y) for x in (-width, -3, -1, 0, 2, width - 1) for y in (1 - height, -2, 0, 1, height)]
    )
    ours = translate(noise_image.expand(len(shifts), -1, -1, -1), shifts)
    for result, shift in zip(ours, shifts.tolist(), strict=True):
        reference = v2.functional.affine(
            noise_image,
            angle=0.0,
            translate=shift,
            scale=1.0,
            shear=[0.0, 0.0],
            interpolation=v2.InterpolationMode(interpolation),
        )
        torch.testing.assert_close(result, reference, rtol=0, atol=1e-5, msg=str(shift))


def test_moves_right_and_down_and_brings_zeros_in() -> None:
    image = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
    moved = translate(image, torch.tensor([[1, 2]]))
    assert torch.equal(moved[0, 0], torch.tensor([[0.0, 0, 0], [0, 0, 0], [0, 1, 2]]))


@pytest.mark.parametrize("size", [(28, 28), (20, 57)])
def test_shifts_are_distributed_as_torchvisions(v2: ModuleType, size: tuple[int, int]) -> None:
    count = 4000
    ours = draw_shifts(5 * count, size, 0.1, torch.Generator().manual_seed(0))
    assert ours.dtype == torch.int64
    transform = v2.RandomAffine(0, translate=(0.1, 0.1))
    image = [torch.empty(1, *size)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = torch.tensor([transform.make_params(image)["translate"] for _ in range(count)])
    for column, side in ((0, size[1]), (1, size[0])):
        a, b = ours[:, column], theirs[:, column].long()
        largest = round(0.1 * side)
        assert set(a.tolist()) == set(b.tolist()) == set(range(-largest, largest + 1))
        table = [torch.bincount(x + largest).tolist() for x in (a, b)]
        assert stats.chi2_contingency(table).pvalue > 1e-3
