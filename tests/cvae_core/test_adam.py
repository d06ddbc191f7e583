from __future__ import annotations

from typing import Any

import pytest
import torch

from cvae_core.adam import Adam, AdamW


def trained(kind: Any, *, fused: bool) -> tuple[torch.Tensor, dict[str, object]]:
    """Weights and state after five steps, of which two come after the state was put back."""
    torch.manual_seed(0)
    weights = torch.nn.Parameter(torch.randn(7, 5))
    optimizer = kind([weights], lr=1e-2, fused=fused)
    for step in range(5):
        optimizer.zero_grad(set_to_none=True)
        (weights * (1 + step)).sin().sum().backward()
        optimizer.step()
        if step == 2:
            state = optimizer.state_dict()
            optimizer = kind([weights], lr=1.0, fused=fused)
            optimizer.load_state_dict(state)
    return weights.detach(), optimizer.state_dict()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(Adam, torch.optim.Adam), (AdamW, torch.optim.AdamW)],
    ids=["Adam", "AdamW"],
)
def test_it_takes_the_steps_of_pytorchs(
    ours: type[torch.optim.Optimizer], theirs: type[torch.optim.Optimizer], fused: bool
) -> None:
    weights, state = trained(ours, fused=fused)
    expected_weights, expected = trained(theirs, fused=fused)
    assert torch.equal(weights, expected_weights)
    torch.testing.assert_close(state, expected, rtol=0, atol=0)
