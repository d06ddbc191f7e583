"""The views of a data set, one after another.

What is random is drawn first, then parameters are made of it, then they are applied: so those of
several batches, each of its own generator, can be applied as one batch on another device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cvae_core.augmentation import ViewsConfig
from cvae_core.data.views.chosen import chosen_by, on_chosen
from cvae_core.data.views.colour import (
    Rounds,
    draw_jitter_numbers,
    jitter_by,
    jitter_of,
    rounds_of,
)
from cvae_core.data.views.crop import NUMBERS, Boxes, boxes_of, resized_crop
from cvae_core.data.views.flip import flip
from cvae_core.data.views.grayscale import grayscale
from cvae_core.data.views.rotation import angles_of, rotate
from cvae_core.data.views.translation import shifts_of, translate
from cvae_core.errors import ConfigError

_RGB_ALONE = ("saturation", "hue", "grayscale_probability")


class Numbers(NamedTuple):
    """What a generator gave for a batch: uniform in [0, 1), on the CPU. None: that view is off."""

    crop: Tensor | None
    """(NUMBERS, B)."""
    flip: Tensor | None
    """(B,)."""
    jittered: Tensor | None
    """(B,); None also where all images are jittered."""
    jitter: tuple[Tensor, Tensor] | None
    """Two of (N, K), of the images that are jittered."""
    grayscale: Tensor | None
    """(B,)."""
    rotation: Tensor | None
    """(B,)."""
    translation: Tensor | None
    """(B, 2)."""


class Parameters(NamedTuple):
    """What is done to each image of a batch; None: a view that is off."""

    crop: Boxes | None
    flip: Tensor | None
    jittered: Tensor | None
    jitter: Rounds | None
    grayscale: Tensor | None
    rotation: Tensor | None
    translation: Tensor | None


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
    config = for_channels(config, images.shape[1])
    numbers = draw_numbers(len(images), config, generator)
    size = images.shape[-2], images.shape[-1]
    return apply_views(images, parameters_of(numbers, size, config), config)


def draw_numbers(count: int, config: ViewsConfig, generator: torch.Generator) -> Numbers:
    """Draw what is random about the views of ``count`` images.

    Args:
        count: number of images, B.
        config: as ``for_channels`` returns it.
        generator: on the CPU.
    """

    def uniform(is_on: bool, *shape: int) -> Tensor | None:
        return torch.rand(shape, generator=generator) if is_on else None

    crop = uniform(config.crop_scale is not None, NUMBERS, count)
    flipped = uniform(config.flip_probability > 0, count)
    strengths, probability = _strengths(config), config.jitter_probability
    jittered = jitter = None
    if probability > 0 and any(strengths):
        jittered = uniform(probability < 1, count)
        some = count if jittered is None else len(chosen_by(jittered, probability))
        jitter = draw_jitter_numbers(some, strengths, generator)
    grey = uniform(config.grayscale_probability > 0, count)
    rotation = uniform(config.rotation_degrees > 0, count)
    translation = uniform(config.translation > 0, count, 2)
    return Numbers(crop, flipped, jittered, jitter, grey, rotation, translation)


def joined(batches: Sequence[Numbers]) -> Numbers:
    """The numbers of several batches, with the same views, as those of one batch."""

    def join(parts: Sequence[Tensor | None], along: int = 0) -> Tensor | None:
        given = [part for part in parts if part is not None]
        return torch.cat(given, along) if given else None

    crop, flipped, jittered, jitter, grey, rotation, translation = zip(*batches, strict=True)
    pairs = [pair for pair in jitter if pair is not None]
    return Numbers(
        join(crop, 1),
        join(flipped),
        join(jittered),
        (torch.cat([a for a, _ in pairs]), torch.cat([b for _, b in pairs])) if pairs else None,
        join(grey),
        join(rotation),
        join(translation),
    )


def parameters_of(numbers: Numbers, size: tuple[int, int], config: ViewsConfig) -> Parameters:
    """What the numbers stand for, on the CPU.

    Args:
        numbers: of a batch.
        size: height and width of an image.
        config: with which the numbers were drawn.
    """
    crop, jitter = config.crop_scale, numbers.jitter
    return Parameters(
        boxes_of(numbers.crop, size, crop, config.crop_ratio)
        if numbers.crop is not None and crop is not None
        else None,
        _of(numbers.flip, lambda n: chosen_by(n, config.flip_probability)),
        _of(numbers.jittered, lambda n: chosen_by(n, config.jitter_probability)),
        None if jitter is None else rounds_of(jitter_of(jitter, _strengths(config))),
        _of(numbers.grayscale, lambda n: chosen_by(n, config.grayscale_probability)),
        _of(numbers.rotation, lambda n: angles_of(n, config.rotation_degrees)),
        _of(numbers.translation, lambda n: shifts_of(n, size, config.translation)),
    )


def apply_views(images: Tensor, parameters: Parameters, config: ViewsConfig) -> Tensor:
    """Views (B, C, H, W) of images of the same shape; the parameters may be on another device."""
    if parameters.crop is not None:
        images = resized_crop(images, parameters.crop, config.interpolation)
    if parameters.flip is not None:
        images = flip(images, parameters.flip)
    rounds = parameters.jitter
    if rounds is not None:
        if parameters.jittered is None:
            images = jitter_by(images, rounds)
        else:
            images = on_chosen(images, parameters.jittered, lambda some: jitter_by(some, rounds))
    if parameters.grayscale is not None:
        images = grayscale(images, parameters.grayscale)
    if parameters.rotation is not None:
        images = rotate(images, parameters.rotation, config.interpolation)
    if parameters.translation is not None:
        images = translate(images, parameters.translation)
    return images


def _of(numbers: Tensor | None, meaning: Callable[[Tensor], Tensor]) -> Tensor | None:
    return None if numbers is None else meaning(numbers)


def _strengths(config: ViewsConfig) -> tuple[float, ...]:
    return config.brightness, config.contrast, config.saturation, config.hue


def for_channels(config: ViewsConfig, channels: int) -> ViewsConfig:
    """The settings that mean something to images of so many channels.

    Raises:
        ConfigError: saturation, hue or grayscale of images that are neither grey nor RGB.
    """
    needing = [name for name in _RGB_ALONE if getattr(config, name) > 0]
    if channels == 3 or not needing:
        return config
    if channels != 1:
        raise ConfigError(
            f"views.{', views.'.join(needing)}: for images of 3 channels (RGB) or 1 (grey), "
            f"these have {channels}; set to 0"
        )
    return dataclasses.replace(config, saturation=0.0, hue=0.0, grayscale_probability=0.0)
