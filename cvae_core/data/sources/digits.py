"""scikit-learn's handwritten digits: real images that need no file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from cvae_core.config import DataConfig
from cvae_core.data.dataset import Dataset, Images
from cvae_core.data.sources.decoded_cache import Decoded, read_decoded, write_decoded

DIGITS_TEST = 360
DIGITS_SHAPE = (1_797, 1, 28, 28)
CLASSES = tuple(str(digit) for digit in range(10))


def load_digits(cache: Path | None = None) -> Dataset:
    """1,797 handwritten digits, 8×8 with 17 grey levels, resized to 28×28; the last 360 test.

    Args:
        cache: folder in which they are kept, as importing who makes them takes a second or two.
    """
    config = DataConfig(name="digits")
    kept = None if cache is None else read_decoded(cache, config, CLASSES)
    if kept is not None:
        return kept.data
    made = _resized()
    if cache is not None:
        with warnings.catch_warnings(action="ignore"):  # they are as well made anew each time
            write_decoded(cache, config, Decoded(made, all_grey=True))
    return made


def _resized() -> Dataset:
    import torch
    import torch.nn.functional as F
    from sklearn import datasets

    raw = datasets.load_digits()
    small = torch.from_numpy(raw.images).to(torch.float32)[:, None] / 16
    resized = F.interpolate(small, size=(28, 28), mode="bilinear", align_corners=False)
    pixels = (resized * 255).round().to(torch.uint8).numpy()
    labels = raw.target.astype(np.int64)
    return Dataset(
        "digits",
        Images(pixels[:-DIGITS_TEST], labels[:-DIGITS_TEST]),
        Images(pixels[-DIGITS_TEST:], labels[-DIGITS_TEST:]),
        CLASSES,
    )
