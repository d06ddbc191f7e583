from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from cvae_core.losses import nt_xent


def looped(a: np.ndarray, b: np.ndarray, tau: float) -> float:
    """Equation 1 of arXiv:2002.05709, anchor by anchor, as its algorithm 1 writes it down."""
    size = len(a)
    views = [row / np.sqrt((row**2).sum()) for row in (*a, *b)]
    total = 0.0
    for i in range(2 * size):
        positive = i + size if i < size else i - size
        denominator = 0.0
        for k in range(2 * size):
            if k != i:
                denominator += math.exp(float(views[i] @ views[k]) / tau)
        total -= math.log(math.exp(float(views[i] @ views[positive]) / tau) / denominator)
    return total / (2 * size)


def projections(size: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(100 * size + width)
    return 3 * torch.randn(2, size, width, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("tau", [0.05, 0.5, 1.0, 7.0])
@pytest.mark.parametrize(("size", "width"), [(1, 5), (2, 1), (3, 5), (14, 32), (33, 2)])
def test_equals_a_loop_over_anchors(size: int, width: int, tau: float) -> None:
    a, b = projections(size, width)
    expected = looped(a.numpy(), b.numpy(), tau)
    assert nt_xent(a, b, tau).item() == pytest.approx(expected, rel=1e-10, abs=1e-12)
    single = nt_xent(a.float(), b.float(), tau).item()
    assert single == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_of_identical_projections_is_chance() -> None:
    same = torch.ones(6, 4, dtype=torch.float64)
    assert nt_xent(same, same, 0.3).item() == pytest.approx(math.log(11), rel=1e-12)


@pytest.mark.parametrize("tau", [0.1, 0.5])
def test_of_orthogonal_pairs_has_a_closed_form(tau: float) -> None:
    pairs = torch.eye(5, dtype=torch.float64)
    expected = math.log(1 + 8 * math.exp(-1 / tau))
    assert nt_xent(pairs, 2 * pairs, tau).item() == pytest.approx(expected, rel=1e-9)


def test_of_one_pair_is_zero_with_finite_gradients() -> None:
    # The last batch of an epoch may hold a single image: no negatives, nothing to learn.
    a, b = (view.clone().requires_grad_() for view in projections(1, 5))
    loss = nt_xent(a, b, 0.5)
    loss.backward()
    assert loss.item() == 0.0
    assert a.grad is not None
    assert torch.equal(a.grad, torch.zeros(1, 5, dtype=torch.float64))


def test_is_symmetric_and_ignores_lengths() -> None:
    a, b = projections(6, 5)
    loss = nt_xent(a, b, 0.5)
    torch.testing.assert_close(nt_xent(b, a, 0.5), loss)
    torch.testing.assert_close(nt_xent(10 * a, 0.1 * b, 0.5), loss)


@pytest.mark.parametrize(
    ("shape_a", "shape_b"), [((4, 5), (3, 5)), ((4, 5), (4, 6)), ((4,), (4,)), ((2, 2, 2),) * 2]
)
def test_refuses_shapes_that_do_not_pair(
    shape_a: tuple[int, ...], shape_b: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="one shape"):
        nt_xent(torch.ones(shape_a), torch.ones(shape_b), 0.5)


@pytest.mark.parametrize("tau", [0.0, -0.5, math.nan])
def test_refuses_a_temperature_that_is_not_positive(tau: float) -> None:
    with pytest.raises(ValueError, match="tau"):
        nt_xent(torch.ones(2, 2), torch.ones(2, 2), tau)
