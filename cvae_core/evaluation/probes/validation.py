"""The probe of a model in training: cheap enough to be made every few epochs of a search."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.config import DataConfig, TrialConfig
from cvae_core.data.dataset import Dataset
from cvae_core.data.scaling import shared, to_model_range, to_unit
from cvae_core.data.splits import VALIDATION_FIT, split_of
from cvae_core.errors import AbsentError
from cvae_core.evaluation.probes.optimum import AT_OPTIMUM
from cvae_core.evaluation.probes.probe import accuracy
from cvae_core.evaluation.probes.protocols import standard
from cvae_core.models import Model

BATCH = 512
SHORT = (
    "val/probe_accuracy: the logistic regression ended short of its optimum, where its gradient "
    f"(per image, for latents of unit variance) was still above {AT_OPTIMUM:g}"
)
"""The same words whenever it happens in a training, so that they are said once."""


def validation_judge(
    config: TrialConfig, data: Dataset, warn: Callable[[str], Any] | None = None
) -> Callable[[Model], dict[str, float]]:
    """What judges a model in training by ``val/probe_accuracy``, as the part ``probe`` has it.

    Logistic regression is fitted on the latent means of the first 10,000 images of the training
    part, in the split's fixed order, and scored on validation. The model is put into evaluation
    mode; its weights and all random streams stay as they are.

    Args:
        config: the trial's settings.
        data: its images.
        warn: is told whenever a probe is not at its optimum; None: nobody is.

    Raises:
        AbsentError: those training images are all of one class.
    """
    pixels, labels = shared(data.train.pixels), data.train.labels
    train, val = split_of(data, config.data)
    fit = train[:VALIDATION_FIT]
    if len(np.unique(labels[fit.numpy()])) < 2:
        raise AbsentError("the training images are all of one class")

    def judge(model: Model) -> dict[str, float]:
        found = standard(
            latent_means(model, pixels, fit, config.data),
            labels[fit.numpy()],
            latent_means(model, pixels, val, config.data),
        )
        if warn is not None and found.gradient > AT_OPTIMUM:
            warn(SHORT)
        return {"val/probe_accuracy": accuracy(found.classes, labels[val.numpy()])}

    return judge


@torch.no_grad()
def latent_means(
    model: Model, pixels: Tensor, indices: Tensor, config: DataConfig
) -> NDArray[np.float32]:
    """Posterior means, float32 (N, D), of the chosen images of ``pixels`` (uint8, on the CPU).

    The model is put into evaluation mode.
    """
    model.eval()
    device = next(iter(model.state_dict().values())).device
    means = []
    for chunk in indices.split(BATCH):
        images = to_model_range(to_unit(pixels.index_select(0, chunk).to(device), config), config)
        means.append(model.encode(images)[0].cpu())
    joined: NDArray[np.float32] = torch.cat(means).numpy()
    return joined
