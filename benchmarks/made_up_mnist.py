"""Files of MNIST's shape and format, for machines that do not have MNIST."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cvae_core.data import Dataset, Images
from cvae_core.data.vision import torchvision

COUNTS = {"train": 60_000, "t10k": 10_000}
CLASSES = 10


def write(root: Path, counts: Mapping[str, int] | None = None) -> None:
    """Write the four files where torchvision looks for them below ``root``.

    Args:
        root: the folder.
        counts: images by split, where they are to be fewer or more than MNIST's.
    """
    random = np.random.default_rng(0)
    for split, count in (counts or COUNTS).items():
        labels = random.integers(0, CLASSES, count, dtype=np.uint8)
        write_split(root, split, _blobs(labels, random), labels)


def write_split(root: Path, split: str, pixels: np.ndarray, labels: np.ndarray) -> None:
    """The two files of a split: images (N, 28, 28) and labels (N,), both uint8."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    _write_idx(folder / f"{split}-images-idx3-ubyte", pixels)
    _write_idx(folder / f"{split}-labels-idx1-ubyte", labels)


def dataset(root: Path) -> Dataset:
    """Files of MNIST's format as a data set; the tool's own loader takes the real MNIST alone."""
    train, test = (
        Images(source.data.numpy()[:, None], source.targets.numpy())
        for source in (torchvision.datasets.MNIST(str(root), train=t) for t in (True, False))
    )
    return Dataset("mnist", train, test, tuple(map(str, range(CLASSES))))


def _blobs(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Bright blobs on black, uint8 (N, 28, 28); where they lie depends on class and chance."""
    angle = 2 * np.pi * labels / CLASSES
    centres = 13.5 + 7 * np.stack([np.sin(angle), np.cos(angle)])
    centres += random.normal(size=centres.shape)
    width = random.uniform(1.5, 4.0, len(labels))
    position = np.arange(28)
    rows, columns = (
        np.exp(-(((position - centre[:, None]) / width[:, None]) ** 2)).astype(np.float32)
        for centre in centres
    )
    return (255 * rows[:, :, None] * columns[:, None, :]).astype(np.uint8)


def _write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())
