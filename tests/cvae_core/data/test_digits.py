from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from cvae_core.data import Dataset, load_dataset

KEPT = """
import sys
from pathlib import Path
from cvae_core.data import load_dataset

print(load_dataset("digits", cache=Path(sys.argv[1])).fingerprint())
print({"torch", "sklearn"} & set(sys.modules))
"""


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


@pytest.mark.slow
def test_once_kept_they_are_read_without_pytorch_and_scikit_learn(
    digits: Dataset, tmp_path: Path
) -> None:
    load_dataset("digits", cache=tmp_path / "cache")
    arguments = [sys.executable, "-c", KEPT, str(tmp_path / "cache")]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [digits.fingerprint(), "set()"]


def test_what_was_kept_and_is_damaged_is_made_anew(digits: Dataset, tmp_path: Path) -> None:
    load_dataset("digits", cache=tmp_path)
    (kept,) = tmp_path.rglob("train-pixels.npy")
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert load_dataset("digits", cache=tmp_path).fingerprint() == digits.fingerprint()
    assert kept.read_bytes() == content


def test_where_they_cannot_be_kept_nobody_is_told(digits: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with warnings.catch_warnings(action="error"):
        loaded = load_dataset("digits", cache=tmp_path / "file" / "cache")
    assert loaded.fingerprint() == digits.fingerprint()
