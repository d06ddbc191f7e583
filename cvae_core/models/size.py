"""How large a model is, from its settings alone: one that no memory holds cannot be asked."""

from __future__ import annotations

from itertools import pairwise

from cvae_core.config import TrialConfig
from cvae_core.models.blocks import stages

FLOAT_BYTES = 4
PER_PARAMETER = 4
"""Numbers that training keeps of each parameter: itself, its gradient, and Adam's two moments."""


def parameter_count(config: TrialConfig, image_shape: tuple[int, int, int]) -> int:
    """Numbers that the model of a trial learns, as ``build_model`` would have them.

    Of an encoder alone they are those of the whole VAE, which it is taken from.

    Args:
        config: the trial's settings.
        image_shape: (C, H, W), square.
    """
    shape, (channels, size, _) = config.architecture, image_shape
    if config.model in ("pixels", "pca"):
        pixels = channels * size**2
        return 0 if config.model == "pixels" else (shape.latent_dim + 1) * pixels + shape.latent_dim
    plan = stages(channels, size, shape.channels, shape.kernel)
    normed = 0 if shape.norm == "none" else 2
    count = 0
    for stage in plan:
        weights = stage.channels_in * stage.channels_out * stage.kernel**2
        count += weights + (1 + normed) * stage.channels_out  # the encoder's
        to_image = stage is plan[0]
        count += weights + (1 if to_image else 1 + normed) * stage.channels_in  # the decoder's
        if shape.blocks == "residual":  # two convolutions in either
            count += 4 * (9 * stage.channels_out + 1 + normed) * stage.channels_out
    units = plan[-1].channels_out * plan[-1].size_out ** 2
    # Means and log-variances, and the way back.
    count += 2 * (units + 1) * shape.latent_dim + (shape.latent_dim + 1) * units
    if config.model == "cvae":
        widths = (shape.latent_dim, *shape.projection)
        count += sum((before + 1) * width for before, width in pairwise(widths))
    return count


def training_bytes(config: TrialConfig, image_shape: tuple[int, int, int]) -> int:
    """What the parameters take in training, at least: batches and copies come on top of it."""
    return FLOAT_BYTES * PER_PARAMETER * parameter_count(config, image_shape)
