from __future__ import annotations

from collections.abc import Callable

import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset
from cvae_core.training.gradients import clip_grad_norm
from cvae_core.training.packs.stack import Stack
from cvae_core.training.packs.steps import Member, training_steps
from cvae_core.training.training import Training


def test_clipping_and_adam_are_those_of_each_trial_alone(
    configure: Callable[..., TrialConfig], small: Dataset
) -> None:
    """On equal gradients, with rates and limits of each trial's own, and one that begins later."""
    settings = [
        {"learning_rate": 1e-3, "clip_norm": None, "seed": 0},
        {"learning_rate": 3e-2, "clip_norm": 0.01, "seed": 1},
    ]
    packed, alone = ([Training(configure(**own), small) for own in settings] for _ in range(2))
    packed[1].run_epoch()
    alone[1].run_epoch()
    stack = Stack(packed, torch.device("cpu"))
    members = [Member(t, t.draw_batches(), stack.steps(row)) for row, t in enumerate(packed)]
    assert [member.steps_before for member in members] == [0, 5]
    for factor, (_, rates) in enumerate(training_steps(members, range(4)), start=1):
        leaves = list(stack._leaves.values())
        losses = sum(((factor + leaf).sin() * leaf).flatten(1).sum(1) for leaf in leaves)
        assert isinstance(losses, torch.Tensor)
        norms = stack.step(losses, rates)
        for row, training in enumerate(alone):
            parameters = list(training.model.parameters())
            training.optimizer.zero_grad()
            sum(((factor + p).sin() * p).sum() for p in parameters).backward()  # type: ignore[union-attr]
            gradients = [p.grad for p in parameters if p.grad is not None]
            limit = training.config.clip_norm
            norm = clip_grad_norm(gradients, torch.inf if limit is None else limit)
            torch.testing.assert_close(norms[row], norm, rtol=1e-6, atol=0)
            training.optimizer.step()
    stack.close(4, [1e-3, 3e-2])
    for mine, theirs in zip(packed, alone, strict=True):
        torch.testing.assert_close(
            mine.checkpoint().model, theirs.checkpoint().model, rtol=1e-5, atol=1e-6
        )
        torch.testing.assert_close(
            mine.checkpoint().optimizer, theirs.checkpoint().optimizer, rtol=1e-5, atol=1e-6
        )
