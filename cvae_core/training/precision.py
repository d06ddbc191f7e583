"""In which numbers a model computes while it is trained."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from cvae_core.config import TrialConfig


def prepare(model: nn.Module, config: TrialConfig) -> None:
    """Lay a model's weights out as its precision is fastest with; their values stay.

    In bfloat16 the libraries compute on maps whose channels lie side by side, and would else turn
    every map over before and after each convolution. In float32 it makes no difference.
    """
    if config.precision == "bfloat16":
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def arithmetic(
    model: nn.Module, images: Tensor, config: TrialConfig
) -> AbstractContextManager[object]:
    """The surroundings in which a part of a model is called.

    In training with bfloat16, convolutions and matrix products take their inputs and weights
    rounded to it and add up in float32; weights and gradients themselves stay float32. What is
    called outside, as the losses are, and all of an evaluation, is float32.

    Args:
        model: in training mode or not.
        images: on the device on which it computes.
        config: the trial's settings.
    """
    if config.precision == "float32" or not model.training:
        return nullcontext()
    return torch.autocast(images.device.type, torch.bfloat16)
