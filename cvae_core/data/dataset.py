"""A data set in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvae_core.errors import DataError

if TYPE_CHECKING:
    from cvae_core.data.sources.left_out import LeftOut


@dataclass(frozen=True)
class Images:
    """One split: ``pixels`` uint8 (N, C, H, W), ``labels`` int64 (N,)."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim != 4:
            raise DataError(
                f"images must be uint8 (N, C, H, W), not {self.pixels.dtype} {self.pixels.shape}"
            )
        if len(self.pixels) != len(self.labels) or len(self.pixels) == 0:
            raise DataError(f"{len(self.pixels)} images with {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True)
class Dataset:
    """A data set: NumPy arrays, because those are shared between processes without a copy."""

    name: str
    train: Images
    test: Images
    classes: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    """Of a folder of images of one's own: what lies in it and is not among them."""
    also_in_train: tuple[str, ...] = ()
    """Of such a folder: paths of test images whose files are among the training images, too."""
    twice_in_train: tuple[str, ...] = ()
    """Of such a folder: paths of training images whose files another of them is, too."""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, channels, height, width = self.train.pixels.shape
        return channels, height, width

    def fingerprint(self) -> str:
        """SHA-256 over pixels and labels of both splits, hexadecimal; computed once."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for part in (self.train, self.test):
            for array in (part.pixels, part.labels):
                digest.update(repr(array.shape).encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
