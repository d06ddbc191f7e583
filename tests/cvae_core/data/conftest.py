from __future__ import annotations

import struct

import numpy as np
import pytest

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
