from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cvae_core.data import Dataset, Images, load_dataset
from cvae_core.errors import DataError


@pytest.mark.parametrize(
    ("pixels", "labels"),
    [
        (np.zeros((4, 1, 5, 5), np.float32), np.zeros(4, np.int64)),
        (np.zeros((4, 5, 5), np.uint8), np.zeros(4, np.int64)),
        (np.zeros((4, 1, 5, 5), np.uint8), np.zeros(3, np.int64)),
        (np.zeros((0, 1, 5, 5), np.uint8), np.zeros(0, np.int64)),
    ],
    ids=["floats", "no channels", "a label short", "empty"],
)
def test_what_are_not_labelled_images_is_refused(pixels: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(DataError):
        Images(pixels, labels)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'minst'; known: .*digits, mnist"):
        load_dataset("minst")


def test_the_fingerprint_depends_on_every_pixel_and_label(small: Dataset) -> None:
    prints = {small.fingerprint()}
    for split in ("train", "test"):
        for array in ("pixels", "labels"):
            images = getattr(small, split)
            changed = getattr(images, array).copy()
            changed.flat[-1] ^= 1
            images = dataclasses.replace(images, **{array: changed})
            prints.add(dataclasses.replace(small, **{split: images}).fingerprint())
    assert len(prints) == 5
    assert dataclasses.replace(small).fingerprint() in prints
