"""What turns images into the features that are compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cvae_core.errors import EvaluationError


class Extractor(Protocol):
    """A fixed network; real and generated images go through it alike, as 8-bit pixels."""

    @property
    def name(self) -> str:
        """Part of the metrics' names: ``mnist-cnn``, ``inception``."""

    @property
    def digest(self) -> str:
        """Hash of its weights and of how pixels are prepared, hexadecimal."""

    @property
    def dims(self) -> int:
        """Number of features."""

    @property
    def batch(self) -> int:
        """Images that it is given at once."""

    def features(self, pixels: Tensor) -> NDArray[np.float32]:
        """Features (B, dims) of images, uint8 (B, C, H, W)."""


def extract(extractor: Extractor, pixels: Tensor) -> Iterator[float | NDArray[np.float32]]:
    """The features of many images.

    Args:
        extractor: what computes them.
        pixels: uint8 (N, C, H, W).

    Yields:
        The share that is done, in (0, 1), after each batch, and at last the features (N, dims).

    Raises:
        EvaluationError: some are not finite.
    """
    features = np.empty((len(pixels), extractor.dims), np.float32)
    for start in range(0, len(pixels), extractor.batch):
        chunk = pixels[start : start + extractor.batch]
        features[start : start + len(chunk)] = extractor.features(chunk)
        if start + len(chunk) < len(pixels):
            yield (start + len(chunk)) / len(pixels)
    bad = int((~np.isfinite(features)).any(axis=1).sum())
    if bad:
        raise EvaluationError(
            f"the {extractor.name} features of {bad} of {len(pixels)} images are not finite"
        )
    yield features
