from __future__ import annotations

import itertools
from collections import Counter
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import stats

from cvae_core.data.views.colour import OPERATIONS, Jitter, jitter
from tests.cvae_core.data.views.drawn import draw_jitter

NAMES = ("brightness", "contrast", "saturation", "hue")
ORDERS = list(itertools.permutations(range(4)))
STRENGTHS = (0.4, 0.3, 0.6, 0.1)
FACTORS = [0.0, 0.3, 0.99, 1.0, 1.01, 1.7, 2.0]
TURNS = [-0.5, -0.4, -0.17, -1e-3, 0.0, 1e-3, 0.1, 1 / 6, 1 / 3, 0.5]


def reference(v2: ModuleType, image: torch.Tensor, parameters: list[tuple[int, float]]):
    for operation, amount in parameters:
        image = getattr(v2.functional, f"adjust_{NAMES[operation]}")(image, amount)
    return image


def assert_equals_torchvision(v2: ModuleType, images: torch.Tensor, parameters: Jitter) -> None:
    before = images.clone()
    ours = jitter(images, parameters)
    assert torch.equal(images, before)
    assert ours.min() >= 0
    assert ours.max() <= 1
    rows = zip(images, ours, *(part.tolist() for part in parameters), strict=True)
    for image, result, operations, amounts in rows:
        steps = list(zip(operations, amounts, strict=True))
        expected = reference(v2, image, steps)
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-5, msg=f"{steps}")


def test_operations_are_in_the_order_of_their_names() -> None:
    assert [operation.__name__ for operation in OPERATIONS] == [f"_{name}" for name in NAMES]


@pytest.mark.parametrize("operation", range(4), ids=NAMES)
def test_each_operation_equals_torchvision(
    v2: ModuleType, colours: torch.Tensor, operation: int
) -> None:
    amounts = TURNS if NAMES[operation] == "hue" else FACTORS
    images = colours.repeat_interleave(len(amounts), dim=0)
    column = torch.tensor(amounts).repeat(len(colours))[:, None]
    assert_equals_torchvision(v2, images, Jitter(torch.full(column.shape, operation), column))


def test_every_order_equals_torchvision(v2: ModuleType, colours: torch.Tensor) -> None:
    """Each image of one batch in another order, with strengths that make clamping matter."""
    parameters = draw_jitter(
        len(ORDERS) * len(colours), (0.9, 0.9, 0.9, 0.5), torch.Generator().manual_seed(0)
    )
    # Each image keeps its amounts, and gets them in the order that is its turn.
    wanted = torch.tensor(ORDERS).repeat(len(colours), 1)
    place = (wanted[:, :, None] == parameters.operation[:, None, :]).long().argmax(dim=2)
    parameters = Jitter(wanted, parameters.amount.gather(1, place))
    assert_equals_torchvision(v2, colours.repeat_interleave(len(ORDERS), dim=0), parameters)


@pytest.mark.parametrize("operations", [[3], [0, 2], [2, 1, 3]], ids=str)
def test_some_of_the_operations_equal_torchvision(
    v2: ModuleType, colours: torch.Tensor, operations: list[int]
) -> None:
    strengths = tuple(0.4 if i in operations else 0.0 for i in range(4))
    drawn = draw_jitter(len(colours), strengths, torch.Generator().manual_seed(0))
    assert all(sorted(row) == sorted(operations) for row in drawn.operation.tolist())
    assert_equals_torchvision(v2, colours, drawn)


def test_grey_images_get_brightness_and_contrast(v2: ModuleType) -> None:
    images = torch.rand(50, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    drawn = draw_jitter(50, (0.8, 0.8, 0.0, 0.0), torch.Generator().manual_seed(0))
    assert_equals_torchvision(v2, images, drawn)


def test_hue_keeps_greys_and_turns_primaries() -> None:
    third = Jitter(torch.tensor([[3]]).repeat(4, 1), torch.full((4, 1), 1 / 3))
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.3, 0.3, 0.3]])
    turned = jitter(colours.view(4, 3, 1, 1), third).view(4, 3)
    expected = torch.tensor([[0.0, 1, 0], [0, 0, 1], [1, 0, 0], [0.3, 0.3, 0.3]])
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-6)


def test_an_image_does_not_depend_on_its_batch(colours: torch.Tensor) -> None:
    drawn = draw_jitter(len(colours), STRENGTHS, torch.Generator().manual_seed(0))
    together = jitter(colours, drawn)
    for i, image in enumerate(colours):
        alone = jitter(image[None], Jitter(*(part[i : i + 1] for part in drawn)))
        torch.testing.assert_close(alone[0], together[i], rtol=0, atol=1e-6)


def test_amounts_are_distributed_as_torchvisions(v2: ModuleType) -> None:
    draws = 4000
    ours = draw_jitter(5 * draws, STRENGTHS, torch.Generator().manual_seed(0))
    transform = v2.ColorJitter(*STRENGTHS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = [transform.make_params([]) for _ in range(draws)]
    for operation, (name, strength) in enumerate(zip(NAMES, STRENGTHS, strict=True)):
        mine = ours.amount[ours.operation == operation].numpy()
        assert len(mine) == 5 * draws
        centre = 0.0 if name == "hue" else 1.0
        assert stats.ks_2samp(mine, [p[f"{name}_factor"] for p in theirs]).pvalue > 1e-3, name
        uniform = stats.uniform(centre - strength, 2 * strength)
        assert stats.kstest(mine, uniform.cdf).pvalue > 1e-3, name
        assert np.abs(mine - centre).max() == pytest.approx(strength, rel=1e-3)


def test_orders_are_uniform_as_torchvisions(v2: ModuleType) -> None:
    draws = 4800
    ours = draw_jitter(draws, STRENGTHS, torch.Generator().manual_seed(0)).operation
    transform = v2.ColorJitter(*STRENGTHS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = [tuple(transform.make_params([])["fn_idx"].tolist()) for _ in range(draws)]
    counts = [Counter(map(tuple, ours.tolist())), Counter(theirs)]
    table = [[count[order] for order in ORDERS] for count in counts]
    assert [sum(row) for row in table] == [draws, draws]
    assert stats.chisquare(table[0]).pvalue > 1e-3
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_amounts_do_not_depend_on_each_other_or_on_the_order() -> None:
    drawn = draw_jitter(20_000, STRENGTHS, torch.Generator().manual_seed(0))
    place = drawn.operation.argsort(dim=1)
    by_name = drawn.amount.gather(1, place)
    both = torch.cat([by_name, place.float()], dim=1).numpy()
    correlation = np.corrcoef(both, rowvar=False)
    # Places are bound to each other, having different ones; nothing else is.
    assert np.abs(correlation[:4, :4] - np.eye(4)).max() < 4 / 20_000**0.5
    assert np.abs(correlation[:4, 4:]).max() < 4 / 20_000**0.5
