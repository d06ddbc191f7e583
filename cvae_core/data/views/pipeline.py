"""The views of a data set, one after another."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from cvae_core.augmentation import ViewsConfig
from cvae_core.data.views.chosen import draw_chosen, on_chosen
from cvae_core.data.views.colour import draw_jitter, jitter
from cvae_core.data.views.crop import draw_boxes, resized_crop
from cvae_core.data.views.flip import flip
from cvae_core.data.views.grayscale import grayscale
from cvae_core.data.views.rotation import draw_angles, rotate
from cvae_core.data.views.translation import draw_shifts, translate
from cvae_core.errors import ConfigError

_RGB_ALONE = ("saturation", "hue", "grayscale_probability")


def make_views(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    """Augment a batch, each image with its own parameters.

    The order is crop, flip, colour jitter, grayscale, rotation, translation. A view that is off
    takes nothing from the generator. On images of one channel what needs colours is off.

    Args:
        images: float in [0, 1], (B, C, H, W).
        config: which views, and how strong.
        generator: where parameters are drawn from, on the CPU.

    Returns:
        (B, C, H, W) in [0, 1].

    Raises:
        ConfigError: saturation, hue or grayscale of images that are neither grey nor RGB.
    """
    config = _without_colours(config, images.shape[1])
    count, size = len(images), (images.shape[-2], images.shape[-1])
    if config.crop_scale is not None:
        boxes = draw_boxes(count, size, config.crop_scale, config.crop_ratio, generator)
        images = resized_crop(images, boxes, config.interpolation)
    if config.flip_probability > 0:
        images = flip(images, draw_chosen(count, config.flip_probability, generator))
    strengths = (config.brightness, config.contrast, config.saturation, config.hue)
    if config.jitter_probability > 0 and any(strengths):
        images = _jitter_some(images, config.jitter_probability, strengths, generator)
    if config.grayscale_probability > 0:
        images = grayscale(images, draw_chosen(count, config.grayscale_probability, generator))
    if config.rotation_degrees > 0:
        angles = draw_angles(count, config.rotation_degrees, generator)
        images = rotate(images, angles, config.interpolation)
    if config.translation > 0:
        shifts = draw_shifts(count, size, config.translation, generator)
        images = translate(images, shifts)
    return images


def _jitter_some(
    images: Tensor, probability: float, strengths: tuple[float, ...], generator: torch.Generator
) -> Tensor:
    if probability == 1:
        return jitter(images, draw_jitter(len(images), strengths, generator))
    chosen = draw_chosen(len(images), probability, generator)
    parameters = draw_jitter(len(chosen), strengths, generator)
    return on_chosen(images, chosen, lambda some: jitter(some, parameters))


def _without_colours(config: ViewsConfig, channels: int) -> ViewsConfig:
    """The settings that mean something to images of so many channels."""
    needing = [name for name in _RGB_ALONE if getattr(config, name) > 0]
    if channels == 3 or not needing:
        return config
    if channels != 1:
        raise ConfigError(
            f"views.{', views.'.join(needing)}: for images of 3 channels (RGB) or 1 (grey), "
            f"these have {channels}; set to 0"
        )
    return dataclasses.replace(config, saturation=0.0, hue=0.0, grayscale_probability=0.0)
