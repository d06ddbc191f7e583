"""Parameters of one view alone, drawn from a generator as the whole pipeline draws them."""

from __future__ import annotations

import torch
from torch import Tensor

from cvae_core.data.views.chosen import chosen_by
from cvae_core.data.views.colour import Jitter, draw_jitter_numbers, jitter_of
from cvae_core.data.views.crop import NUMBERS, Boxes, boxes_of
from cvae_core.data.views.rotation import angles_of
from cvae_core.data.views.translation import shifts_of

Range = tuple[float, float]


def draw_boxes(
    count: int, size: tuple[int, int], scale: Range, ratio: Range, generator: torch.Generator
) -> Boxes:
    return boxes_of(torch.rand(NUMBERS, count, generator=generator), size, scale, ratio)


def draw_chosen(count: int, probability: float, generator: torch.Generator) -> Tensor:
    return chosen_by(torch.rand(count, generator=generator), probability)


def draw_jitter(count: int, strengths: tuple[float, ...], generator: torch.Generator) -> Jitter:
    return jitter_of(draw_jitter_numbers(count, strengths, generator), strengths)


def draw_angles(count: int, largest: float, generator: torch.Generator) -> Tensor:
    return angles_of(torch.rand(count, generator=generator), largest)


def draw_shifts(
    count: int, size: tuple[int, int], largest: float, generator: torch.Generator
) -> Tensor:
    return shifts_of(torch.rand(count, 2, generator=generator), size, largest)
