"""Colour jitter: brightness, contrast, saturation and hue, in an order of each image's own."""

from __future__ import annotations

from functools import cache
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


def draw_jitter_numbers(
    count: int, strengths: tuple[float, ...], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Numbers in [0, 1) for the order of each image's operations and for their amounts, (B, K).

    An operation whose strength is 0 is left out and takes nothing from the generator.

    Args:
        count: number of images, B.
        strengths: one for each of ``OPERATIONS``.
        generator: on the CPU.
    """
    present = sum(x > 0 for x in strengths)
    order, amount = (torch.rand(count, present, generator=generator) for _ in range(2))
    return order, amount


def jitter_of(uniform: tuple[Tensor, Tensor], strengths: tuple[float, ...]) -> Jitter:
    """The operations and amounts that those numbers stand for, as torchvision's ``ColorJitter``.

    Factors are uniform in [1 - x, 1 + x], shifts of hue in [-x, x], for a strength x, and every
    order is equally likely.
    """
    order, amount = uniform
    present = torch.tensor([i for i, x in enumerate(strengths) if x > 0], dtype=torch.int64)
    operation = present[order.argsort(dim=1)]
    spread = 2 * amount - 1
    centre = torch.tensor([1.0, 1.0, 1.0, 0.0])
    return Jitter(operation, centre[operation] + torch.tensor(strengths)[operation] * spread)


class Round(NamedTuple):
    """One operation of every image, with those images side by side that are due for the same."""

    move: Tensor
    """Where in the order before each image is found, int64 (B,)."""
    amount: Tensor
    """In the new order, float32 (B,)."""
    sizes: list[int]
    """How many images each of ``OPERATIONS`` is for."""


class Rounds(NamedTuple):
    """How a batch is jittered, round by round."""

    rounds: list[Round]
    back: Tensor
    """Where each image is found at the end, int64 (B,)."""


def rounds_of(parameters: Jitter) -> Rounds:
    """Sort what each image goes through by what is done together; on the CPU."""
    rows = torch.arange(len(parameters.operation))
    rounds = []
    for operation, amount in zip(parameters.operation.T, parameters.amount.T, strict=True):
        move = operation[rows].argsort(stable=True)
        rows = rows[move]
        sizes = operation.bincount(minlength=len(OPERATIONS)).tolist()
        rounds.append(Round(move, amount[rows], sizes))
    return Rounds(rounds, rows.argsort())


def jitter(images: Tensor, parameters: Jitter) -> Tensor:
    """Change the colours of each image; after each operation values are clamped to [0, 1].

    Args:
        images: float in [0, 1], (B, C, H, W); saturation and hue need RGB.
        parameters: of each image.

    Returns:
        (B, C, H, W) in [0, 1].
    """
    return jitter_by(images, rounds_of(parameters))


def jitter_by(images: Tensor, how: Rounds) -> Tensor:
    """The same, of rounds that are planned."""
    # Images that are due for the same operation are brought to lie side by side, so that each is
    # moved once a step and worked on in place. Fresh memory for each step costs a third more time.
    target, other = torch.empty_like(images), torch.empty_like(images)
    for move, amount, sizes in how.rounds:
        images = torch.index_select(images, 0, move.to(images.device), out=target)
        target, other = other, target
        amounts = amount.to(images)[:, None, None, None]
        parts = zip(OPERATIONS, images.split(sizes), amounts.split(sizes), strict=True)
        for change, some, by in parts:
            if len(some) > 0:
                change(some, by)
    return torch.index_select(images, 0, how.back.to(images.device), out=target)


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


@cache
def _circle(device: torch.device) -> Tensor:
    """Where red, green and blue lie; made once, as sending it would wait for the device."""
    return torch.tensor([0.0, 2.0, -2.0], device=device)


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
    channels = _circle(images.device)[:, None, None]
    shift = (6 * turns - channels + 3).remainder_(6).sub_(3)
    share = (hue + shift).abs_().sub_(3).abs_().sub_(1).clamp_(0, 1)
    torch.addcmul(smallest, share, span, out=images)


OPERATIONS = (_brightness, _contrast, _saturation, _hue)
