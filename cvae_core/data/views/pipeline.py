"""The views of a data set, one after another."""

from __future__ import annotations

import torch
from torch import Tensor

from cvae_core.config import ViewsConfig
from cvae_core.data.views.crop import draw_boxes, resized_crop
from cvae_core.data.views.rotation import draw_angles, rotate
from cvae_core.data.views.translation import draw_shifts, translate


def make_views(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    """Augment a batch: resized crop, rotation, translation, each image with its own parameters.

    Args:
        images: float in [0, 1], (B, C, H, W).
        config: which views, and how strong.
        generator: where parameters are drawn from, on the CPU.

    Returns:
        (B, C, H, W) in [0, 1].
    """
    count, size = len(images), (images.shape[-2], images.shape[-1])
    if config.crop_scale is not None:
        boxes = draw_boxes(count, size, config.crop_scale, config.crop_ratio, generator)
        images = resized_crop(images, boxes, config.interpolation)
    if config.rotation_degrees > 0:
        angles = draw_angles(count, config.rotation_degrees, generator)
        images = rotate(images, angles, config.interpolation)
    if config.translation > 0:
        shifts = draw_shifts(count, size, config.translation, generator)
        images = translate(images, shifts)
    return images
