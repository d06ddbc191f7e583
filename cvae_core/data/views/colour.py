"""Colour jitter: brightness, contrast, saturation and hue, in an order of each image's own."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from cvae_core.data.views.grayscale import luma


class Jitter(NamedTuple):
    """What each image goes through, (B, K) each, in the order in which it happens."""

    operation: Tensor
    """Position in ``OPERATIONS``, int64; each at most once an image."""
    amount: Tensor
    """Factor of brightness, contrast or saturation; shift of hue in turns. float32."""


def draw_jitter(count: int, strengths: tuple[float, ...], generator: torch.Generator) -> Jitter:
    """Operations and amounts distributed as those of torchvision's ``ColorJitter``.

    Factors are uniform in [1 - x, 1 + x], shifts of hue in [-x, x], and every order is equally
    likely. An operation whose strength x is 0 is left out and takes nothing from the generator.

    Args:
        count: number of images, B.
        strengths: one for each of ``OPERATIONS``.
        generator: on the CPU.
    """
    present = torch.tensor([i for i, x in enumerate(strengths) if x > 0], dtype=torch.int64)
    order = torch.rand(count, len(present), generator=generator).argsort(dim=1)
    spread = 2 * torch.rand(count, len(present), generator=generator) - 1
    operation = present[order]
    centre = torch.tensor([1.0, 1.0, 1.0, 0.0])
    return Jitter(operation, centre[operation] + torch.tensor(strengths)[operation] * spread)


def jitter(images: Tensor, parameters: Jitter) -> Tensor:
    """Change the colours of each image; after each operation values are clamped to [0, 1].

    Args:
        images: float in [0, 1], (B, C, H, W); saturation and hue need RGB.
        parameters: of each image.

    Returns:
        (B, C, H, W) in [0, 1].
    """
    # Images that are due for the same operation are brought to lie side by side, so that each is
    # moved once a step and worked on in place. Fresh memory for each step costs a third more time.
    target, other = torch.empty_like(images), torch.empty_like(images)
    rows = torch.arange(len(images))
    for operation, amount in zip(parameters.operation.T, parameters.amount.T, strict=True):
        move = operation[rows].argsort(stable=True)
        rows = rows[move]
        images = torch.index_select(images, 0, move.to(images.device), out=target)
        target, other = other, target
        sizes = operation.bincount(minlength=len(OPERATIONS)).tolist()
        amounts = amount[rows].to(images)[:, None, None, None]
        parts = zip(OPERATIONS, images.split(sizes), amounts.split(sizes), strict=True)
        for change, some, by in parts:
            if len(some) > 0:
                change(some, by)
    return torch.index_select(images, 0, rows.argsort().to(images.device), out=target)


def _brightness(images: Tensor, factor: Tensor) -> None:
    images.mul_(factor).clamp_(0, 1)


def _contrast(images: Tensor, factor: Tensor) -> None:
    """Towards or away from the image's mean luma (of other than RGB: its mean)."""
    grey = luma(images) if images.shape[1] == 3 else images
    mean = grey.mean(dim=(1, 2, 3), keepdim=True)
    images.mul_(factor).add_(mean * (1 - factor)).clamp_(0, 1)


def _saturation(images: Tensor, factor: Tensor) -> None:
    """Towards or away from each pixel's luma."""
    grey = luma(images)
    images.mul_(factor).add_(grey.mul_(1 - factor)).clamp_(0, 1)


def _hue(images: Tensor, turns: Tensor) -> None:
    """Turn each pixel's hue; largest and smallest channel (value and saturation) stay.

    In sixths of a turn from red, the hue h of HSV is ±(1 + (G + B - R - min) / (max - min)), with
    the sign of G - B, and a channel that lies at c on the circle (red 0, green 2, blue -2) is
    min + (max - min) · clamp(2 - d, 0, 1), where d is the distance from h to c along the circle.
    Nothing here branches on which channel is largest, which takes most of the time otherwise.
    """
    red, green, blue = images.split(1, dim=1)
    smallest = torch.minimum(red, green)
    torch.minimum(smallest, blue, out=smallest)
    span = torch.maximum(red, green)
    torch.maximum(span, blue, out=span).sub_(smallest)
    hue = (green + blue).sub_(red).sub_(smallest)
    # A grey pixel has no hue, and any will do: it is multiplied by a span of 0.
    hue.div_(span.clamp_min(torch.finfo(span.dtype).tiny)).add_(1).copysign_(green - blue)
    # Shifts brought to [-3, 3] keep h + shift in [-6, 6], where 2 - d is ||h + shift| - 3| - 1.
    channels = torch.tensor([0.0, 2.0, -2.0]).to(images)[:, None, None]
    shift = (6 * turns - channels + 3).remainder_(6).sub_(3)
    share = (hue + shift).abs_().sub_(3).abs_().sub_(1).clamp_(0, 1)
    torch.addcmul(smallest, share, span, out=images)


OPERATIONS = (_brightness, _contrast, _saturation, _hue)
