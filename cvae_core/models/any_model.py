"""The model of any trial."""

from __future__ import annotations

from cvae_core.baselines import BASELINES
from cvae_core.config import TrialConfig
from cvae_core.models.baselines import build_baseline
from cvae_core.models.build import build_model
from cvae_core.models.model import Model


def any_model(config: TrialConfig, image_shape: tuple[int, int, int]) -> Model:
    """The model of a trial, on the CPU, before its training: a VAE, a CVAE or a baseline.

    Args:
        config: the trial's settings.
        image_shape: (C, H, W).

    Raises:
        ConfigError: images that are not square.
    """
    build = build_baseline if config.model in BASELINES else build_model
    return build(config, image_shape)
