"""Images side by side, each pixel a crisp square; and which images are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvae_core.evaluation.subject import SHARED_SEED

WIDTH = 1000
"""Pixels across that a grid fills where its images are small enough."""
LARGEST = 112
"""Pixels across that one image is enlarged to at most."""
GAP = 4


@dataclass(frozen=True)
class Cells:
    """Where the images of a grid lie: how often each pixel is repeated, and rows and columns."""

    repeat: int
    columns: int
    height: int
    """Of an enlarged image, in pixels."""
    width: int

    def left(self, column: int) -> int:
        """Pixels left of a column's images."""
        return column * (self.width + GAP)

    def top(self, row: int) -> int:
        """Pixels above a row's images."""
        return row * (self.height + GAP)


def cells(shape: Sequence[int], columns: int) -> Cells:
    """A grid of so many columns; of fewer where images are too large for that.

    Args:
        shape: of an image, (C, H, W).
        columns: as many as wanted.
    """
    height, width = shape[-2:]
    columns = max(1, min(columns, (WIDTH + GAP) // (width + GAP)))
    repeat = max(1, min(LARGEST, (WIDTH + GAP) // columns - GAP) // width)
    return Cells(repeat, columns, height * repeat, width * repeat)


def enlarged(pixels: NDArray[np.uint8], repeat: int) -> NDArray[np.uint8]:
    """Images uint8 (N, C, H, W), grey or RGB, as RGB (N, H · repeat, W · repeat, 3)."""
    coloured = np.broadcast_to(pixels, (len(pixels), 3, *pixels.shape[2:]))
    return coloured.transpose(0, 2, 3, 1).repeat(repeat, axis=1).repeat(repeat, axis=2)


def grid(pixels: NDArray[np.uint8], layout: Cells) -> NDArray[np.uint8]:
    """Images (N, C, H, W) row by row, white between them: uint8 (height, width, 3)."""
    rows = -(-len(pixels) // layout.columns)
    used = min(len(pixels), layout.columns)
    canvas = np.full((layout.top(rows) - GAP, layout.left(used) - GAP, 3), 255, np.uint8)
    for place, image in enumerate(enlarged(pixels, layout.repeat)):
        row, column = divmod(place, layout.columns)
        top, left = layout.top(row), layout.left(column)
        canvas[top : top + layout.height, left : left + layout.width] = image
    return canvas


def choose(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices of ``count`` images (fewer where there are no more), as even over classes as can be.

    They come in rounds of one image of each class, in the classes' order. Labels alone decide.
    """
    random = np.random.default_rng(SHARED_SEED)
    waiting = {c: random.permutation(np.flatnonzero(labels == c)) for c in np.unique(labels)}
    chosen: list[int] = []
    for turn in range(count):
        classes = [c for c, images in waiting.items() if turn < len(images)]
        missing = count - len(chosen)
        if missing < len(classes):
            # Not the first ones: where there are more classes than images, these would be alike.
            classes = sorted(random.permutation(classes)[:missing])
        chosen += [int(waiting[c][turn]) for c in classes]
    return np.array(chosen, dtype=np.int64)
