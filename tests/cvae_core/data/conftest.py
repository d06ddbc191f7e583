from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvae_core.config import DataConfig
from cvae_core.data import Dataset, load_dataset
from cvae_core.data.sources import integrity

Files = dict[str, bytes]


def idx(array: np.ndarray) -> bytes:
    """The format of MNIST's files: two zeros, 8 for bytes, the dimensions, then the values."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist_files() -> Files:
    """The four files by name: 30 and 20 made-up images."""
    random = np.random.default_rng(0)
    files = {}
    for split, count in (("train", 30), ("t10k", 20)):
        images = random.integers(0, 256, (count, 28, 28))
        files[f"{split}-images-idx3-ubyte"] = idx(images)
        files[f"{split}-labels-idx1-ubyte"] = idx(np.arange(count) % 10)
    return files


@pytest.fixture
def unpinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up files are not the published ones, nor as many images."""
    monkeypatch.setattr(integrity, "RAW_SHA256", {})
    monkeypatch.setattr(integrity, "IDX_COUNTS", {"train": 30, "t10k": 20})


class Album:
    """A folder of images of one's own, two of each class in each split."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._random = np.random.default_rng(0)
        for split in ("train", "test"):
            for name in ("cat", "dog"):
                for number in range(2):
                    self.put(f"{split}/{name}/{number}.png")

    def image(self, mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> Image.Image:
        """Random pixels."""
        channels = len(Image.new(mode, (1, 1)).getbands())
        shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
        pixels = self._random.integers(0, 256, shape, dtype=np.uint8)
        raw = Image.frombytes(mode, size, pixels.tobytes()) if mode not in ("1", "P") else None
        return raw or Image.fromarray(pixels).convert(mode)

    def put(self, path: str, image: Image.Image | None = None, **options: Any) -> Path:
        """Save an image below the folder."""
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        (image or self.image()).save(place, **options)
        return place

    def config(self, **settings: Any) -> DataConfig:
        """Images of 8×8 unless told otherwise."""
        return DataConfig(name="folder", **{"image_size": 8, **settings})

    def load(self, cache: Path | None = None, **settings: Any) -> Dataset:
        """Load it as a data set."""
        return load_dataset(self.config(**settings), self.folder, cache=cache)


@pytest.fixture
def album(tmp_path: Path) -> Album:
    return Album(tmp_path / "album")
