from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from cvae_core.data import Dataset


def test_shapes_and_types(digits: Dataset) -> None:
    assert digits.train.pixels.shape == (1437, 1, 28, 28)
    assert digits.test.pixels.shape == (360, 1, 28, 28)
    assert digits.image_shape == (1, 28, 28)
    for split in (digits.train, digits.test):
        assert split.pixels.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert set(split.labels) == set(range(10))
    assert digits.classes == tuple("0123456789")


def test_the_last_360_are_the_test_split(digits: Dataset) -> None:
    raw = load_digits()
    np.testing.assert_array_equal(digits.test.labels, raw.target[-360:])
    np.testing.assert_array_equal(digits.train.labels, raw.target[:-360])
    # Every seventh pixel lies within 0.07 of the centre of every second original one, of 0 to 16.
    resized = np.concatenate([digits.train.pixels, digits.test.pixels])[:, 0, 1::7, 1::7]
    original = raw.images[:, ::2, ::2] * 255 / 16
    assert np.abs(resized - original).max() < 2 * 0.08 * 255
    assert np.abs(resized - original).mean() < 0.08 * 255 / 2


def test_pixels_use_the_full_range(digits: Dataset) -> None:
    assert digits.train.pixels.min() == 0
    assert digits.train.pixels.max() == 255
    assert len(np.unique(digits.train.pixels)) > 200
