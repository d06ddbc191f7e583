"""What is random about a batch: drawn on the CPU, from a stream for each purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cvae_core.config import TrialConfig
from cvae_core.data.views.pipeline import (
    Numbers,
    Parameters,
    draw_numbers,
    for_channels,
    joined,
    parameters_of,
)
from cvae_core.streams import Streams


class Draws(NamedTuple):
    """What the streams gave for a batch of B images with D latents."""

    noise: Tensor
    """(B, D), standard normal."""
    augmentation: Numbers | None
    """Of the views that are encoded in place of the images; None: the images are."""
    views: tuple[Numbers, ...]
    """Of those of the contrastive term: none, one, or two."""
    view_noise: tuple[Tensor, ...]
    """As ``noise``, one for each of those; none where their means are contrasted."""


class Choices(NamedTuple):
    """The same with what is done to each image."""

    noise: Tensor
    augmentation: Parameters | None
    views: tuple[Parameters, ...]
    view_noise: tuple[Tensor, ...]


def draw(
    shape: tuple[int, int],
    config: TrialConfig,
    streams: Streams,
    *,
    prefix: str = "",
    augmented: bool = True,
) -> Draws:
    """Draw what a batch needs.

    Args:
        shape: number of images, and of their channels.
        config: the trial's settings.
        streams: where from.
        prefix: of the streams' names.
        augmented: whether ``config.augment`` is heeded; in validation it is not.
    """
    count, channels = shape
    latents = count, config.architecture.latent_dim

    def views(purpose: str) -> Numbers:
        return draw_numbers(count, for_channels(config.views, channels), streams[purpose])

    augmentation = views("augmentation") if config.augment and augmented else None
    noise = torch.randn(latents, generator=streams[prefix + "noise"])
    contrasted: tuple[Numbers, ...] = ()
    view_noise: tuple[Tensor, ...] = ()
    if config.model == "cvae":
        number = 2 if config.views.pairs == "two augmented" else 1
        contrasted = tuple(views(prefix + "views") for _ in range(number))
        if config.contrast == "sample":
            second = streams[prefix + "second_noise"]
            view_noise = tuple(torch.randn(latents, generator=second) for _ in range(number))
    return Draws(noise, augmentation, contrasted, view_noise)


def together(draws: Sequence[Draws]) -> Draws:
    """The draws of K batches of B images: views as of one batch of K·B, noise as (K, B, D)."""
    augmentations = [each.augmentation for each in draws if each.augmentation is not None]
    return Draws(
        torch.stack([each.noise for each in draws]),
        joined(augmentations) if augmentations else None,
        tuple(joined(of) for of in zip(*(each.views for each in draws), strict=True)),
        tuple(torch.stack(of) for of in zip(*(each.view_noise for each in draws), strict=True)),
    )


def choices_of(draws: Draws, image_shape: tuple[int, int, int], config: TrialConfig) -> Choices:
    """What was drawn, for images (C, H, W), as parameters of views; on the CPU."""
    if draws.augmentation is None and not draws.views:
        return Choices(draws.noise, None, (), draws.view_noise)
    views, size = for_channels(config.views, image_shape[0]), image_shape[1:]
    own = draws.augmentation
    return Choices(
        draws.noise,
        None if own is None else parameters_of(own, size, views),
        tuple(parameters_of(numbers, size, views) for numbers in draws.views),
        draws.view_noise,
    )
