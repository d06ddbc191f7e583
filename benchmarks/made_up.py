"""Made-up images in memory, of a data set's number and shape: their content is of no account."""

from __future__ import annotations

import numpy as np

from cvae_core.data import Dataset, Images

SHAPES = {"mnist": (1, 28), "cifar10": (3, 32)}
COUNTS = {"mnist": (60_000, 10_000), "cifar10": (50_000, 10_000)}
CLASSES = 10
PATCH = 4
"""Squares of so many pixels have one colour."""


def made_up(name: str, train: int | None = None) -> Dataset:
    """A data set by its name; ``train`` says how many training images it has instead."""
    random = np.random.default_rng(0)
    usual, test = COUNTS[name]
    splits = (_images(name, count, random) for count in (usual if train is None else train, test))
    return Dataset(name, *splits, tuple(map(str, range(CLASSES))))


def _images(name: str, count: int, random: np.random.Generator) -> Images:
    channels, side = SHAPES[name]
    coarse = side // PATCH
    patches = random.integers(0, 256, (count, channels, coarse, coarse), dtype=np.uint8)
    pixels = patches.repeat(PATCH, axis=2).repeat(PATCH, axis=3)
    return Images(pixels, random.integers(0, CLASSES, count))
