"""The mean image: where a decoder starts from, and what its reconstructions have to beat.

Sums of stored pixels are whole numbers, so results are the same in whatever order they are added.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

CHUNK = 1024


def mean_image(pixels: NDArray[np.uint8], indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean (C, H, W), in stored values, of the chosen ones of ``pixels``, (N, C, H, W)."""
    total = np.zeros(pixels.shape[1:], dtype=np.int64)
    for chunk in _chunks(pixels, indices):
        total += chunk.sum(axis=0, dtype=np.int64)
    return total / len(indices)


def colour_of(image: NDArray[np.float64]) -> list[float]:
    """The mean of each channel of an image, (C, H, W), in stored values."""
    return [math.fsum(channel.flat) / channel.size for channel in image]


def error_of(
    image: NDArray[np.float64], pixels: NDArray[np.uint8], indices: NDArray[np.int64]
) -> float:
    """Mean squared error per pixel, in stored values, of one image in the place of all chosen ones.

    Args:
        image: (C, H, W).
        pixels: (N, C, H, W).
        indices: which of them.
    """
    total, squares = np.zeros((2, *pixels.shape[1:]), dtype=np.int64)
    for chunk in _chunks(pixels, indices):
        total += chunk.sum(axis=0, dtype=np.int64)
        squares += np.square(chunk, dtype=np.int64).sum(axis=0)
    errors = squares - 2 * image * total + len(indices) * image**2
    return float(errors.mean() / len(indices))


def _chunks(pixels: NDArray[np.uint8], indices: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(indices), CHUNK):
        yield pixels[indices[start : start + CHUNK]]
