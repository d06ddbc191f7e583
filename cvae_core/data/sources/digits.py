"""scikit-learn's handwritten digits: real images that need no file."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from cvae_core.data.dataset import Dataset, Images

DIGITS_TEST = 360
DIGITS_SHAPE = (1_797, 1, 28, 28)


def load_digits() -> Dataset:
    """1,797 handwritten digits, 8×8 with 17 grey levels, resized to 28×28; the last 360 test."""
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
        tuple(str(digit) for digit in range(10)),
    )
