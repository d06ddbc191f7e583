"""Resized crop."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

TRIES = 10
NUMBERS = 2 * TRIES + 2
"""That a box is made of."""


class Boxes(NamedTuple):
    """Crop boxes in pixels, int64 (B,) each."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


def boxes_of(
    uniform: Tensor, size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]
) -> Boxes:
    """The boxes that numbers in [0, 1) stand for, as torchvision's ``RandomResizedCrop`` has them.

    An area share is uniform in ``scale`` and an aspect ratio log-uniform in ``ratio``; of ten
    tries the first that fits is taken, else the largest centred box of an allowed ratio.

    Args:
        uniform: (NUMBERS, B): shares of the area and aspect ratios, ten each, then the place.
        size: height and width of an image.
        scale: range of the share of the area.
        ratio: range of the aspect ratio.
    """
    height, width = size
    count = uniform.shape[1]
    shares, aspects, (down, right) = uniform.split([TRIES, TRIES, 2])
    area = height * width * (scale[0] + (scale[1] - scale[0]) * shares)
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = torch.exp(low + (high - low) * aspects)
    w = (area * aspect).sqrt().round().long()
    h = (area / aspect).sqrt().round().long()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.to(torch.uint8).argmax(dim=0)
    chosen = torch.arange(count)
    w, h, fits = w[first, chosen], h[first, chosen], fits[first, chosen]

    fallback_w, fallback_h = width, height
    if width / height < ratio[0]:
        fallback_h = round(width / ratio[0])
    elif width / height > ratio[1]:
        fallback_w = round(height * ratio[1])
    w = torch.where(fits, w, fallback_w)
    h = torch.where(fits, h, fallback_h)
    top = (down * (height - h + 1)).long()
    left = (right * (width - w + 1)).long()
    top = torch.where(fits, top, (height - h) // 2)
    left = torch.where(fits, left, (width - w) // 2)
    return Boxes(top, left, h, w)


def resized_crop(
    images: Tensor, boxes: Boxes, interpolation: Literal["bilinear", "nearest"]
) -> Tensor:
    """Cut each image's box out and resize it to the full size.

    Resizing is separable, so each image is multiplied from both sides by a small matrix of
    interpolation weights; a box is clamped at its own border and never sees beyond it.

    Args:
        images: float (B, C, H, W).
        boxes: one box an image.
        interpolation: pixel centres at half-integers, as in PyTorch's ``interpolate``.

    Returns:
        (B, C, H, W).
    """
    height, width = images.shape[-2:]
    rows = _weights(boxes.top, boxes.height, height, interpolation)
    columns = _weights(boxes.left, boxes.width, width, interpolation)
    rows, columns = rows.to(images), columns.to(images)
    return rows[:, None] @ images @ columns[:, None].transpose(-1, -2)


def _weights(
    start: Tensor, length: Tensor, size: int, interpolation: Literal["bilinear", "nearest"]
) -> Tensor:
    """Weights (B, size, size) from input positions (last) to output positions."""
    out = torch.arange(size, device=start.device)
    last = (length - 1)[:, None]
    step = length[:, None].to(torch.float32) / size
    if interpolation == "nearest":
        source = (out * step).long().minimum(last)
        return torch.nn.functional.one_hot(start[:, None] + source, size).to(torch.float32)
    position = ((out + 0.5) * step - 0.5).clamp(min=0)
    below = position.long().minimum(last)
    above = (below + 1).minimum(last)
    fraction = (position - below)[..., None]
    offset = start[:, None]
    weights = torch.zeros(len(start), size, size, device=start.device)
    weights.scatter_add_(2, (offset + below)[..., None], 1 - fraction)
    weights.scatter_add_(2, (offset + above)[..., None], fraction)
    return weights
