"""How large feature maps and models are, from settings alone.

A model that no memory holds cannot be asked; and importing PyTorch takes a second and 200 MB, which
a command that trains nothing itself can do without.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from cvae_core.config import TrialConfig
from cvae_core.errors import ConfigError

FLOAT_BYTES = 4
PER_PARAMETER = 4
"""Numbers that training keeps of each parameter: itself, its gradient, and Adam's two moments."""


class Stage(NamedTuple):
    """One convolution of the encoder and its mirror in the decoder."""

    channels_in: int
    channels_out: int
    size_in: int
    size_out: int
    kernel: int
    """Side of the kernel."""

    @property
    def window(self) -> tuple[int, int, int]:
        """Kernel, stride and padding: stride 2 halves a map, stride 1 keeps it."""
        halves = self.size_out < self.size_in
        return self.kernel, 2 if halves else 1, (self.kernel - 1) // 2

    @property
    def output_padding(self) -> int:
        """Of the transposed convolution: an odd kernel of stride 2 leaves out a row and column."""
        return self.kernel % 2 if self.size_out < self.size_in else 0


def stages(
    image_channels: int, size: int, channels: tuple[int, ...], kernel: int = 4
) -> list[Stage]:
    """Feature maps of the family: each convolution halves an even map and keeps an odd one.

    MNIST: 28 → 14 → 7 → 7 (32×7×7 = 1568 units). CIFAR-10: 32 → 16 → 8 → 4 → 2 (1024 units).

    Args:
        image_channels: 1 or 3.
        size: height and width of an image, in pixels.
        channels: output channels of each convolution.
        kernel: side of the kernels. Only an odd one keeps a map: an even one is one smaller there.
    """
    convolutions = []
    for out in channels:
        size_out = size // 2 if size % 2 == 0 else size
        side = kernel if size_out < size or kernel % 2 else kernel - 1
        convolutions.append(Stage(image_channels, out, size, size_out, side))
        image_channels, size = out, size_out
    return convolutions


def check_groups(config: TrialConfig, image_shape: tuple[int, int, int]) -> None:
    """Refuse group normalisation of groups of one number, which is always its own mean.

    All that follows would be the same for every image. The decoder normalises the encoder's maps,
    but for the deepest.

    Args:
        config: the trial's settings.
        image_shape: (C, H, W), square.

    Raises:
        ConfigError: it names the normalisation.
    """
    shape, (channels, size, _) = config.architecture, image_shape
    if shape.norm != "group":
        return
    for stage in stages(channels, size, shape.channels, shape.kernel):
        if stage.size_out * group_size(stage.channels_out) == 1:
            raise ConfigError(
                f"group normalisation of {stage.channels_out} maps of one pixel, each a group of "
                "its own, makes all images the same; choose another, fewer convolutions, or "
                "channels that do not divide 8",
                ("architecture", "norm"),
            )


def check_batches(config: TrialConfig, image_shape: tuple[int, int, int], images: int) -> None:
    """Refuse a last batch of one image where batch normalisation would have one number to go by.

    Args:
        config: the trial's settings.
        image_shape: (C, H, W), square.
        images: that an epoch trains on.

    Raises:
        ConfigError: it names the batch size.
    """
    shape, (channels, size, _) = config.architecture, image_shape
    if shape.norm != "batch" or images % config.batch_size != 1:
        return
    if stages(channels, size, shape.channels, shape.kernel)[-1].size_out == 1:
        raise ConfigError(
            f"with {config.batch_size} the last batch of an epoch of {images} images has one, and "
            "batch normalisation of maps of one pixel needs two; choose another number",
            ("batch_size",),
        )


def group_size(channels: int) -> int:
    """Channels that group normalisation takes together: of eight groups where that divides."""
    return channels // math.gcd(8, channels)


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
