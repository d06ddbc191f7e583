from __future__ import annotations

import csv
import io
import warnings

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn import metrics

from cvae_core.evaluation.probes.confusion import (
    confusion_csv,
    confusion_matrix,
    confusion_png,
    short,
)

pytestmark = pytest.mark.slow


def test_counts_are_scikit_learns_also_of_classes_that_do_not_occur() -> None:
    rng = np.random.default_rng(0)
    labels, predicted = rng.choice([0, 1, 3], 200), rng.choice([0, 3, 4], 200)
    matrix = confusion_matrix(labels, predicted, 6)
    assert (matrix == metrics.confusion_matrix(labels, predicted, labels=range(6))).all()
    assert matrix.sum() == 200


def test_the_table_has_true_classes_in_rows() -> None:
    classes = ["cat", 'a, "dog"', "\udcff猫"]
    matrix = np.array([[5, 1, 0], [2, 7, 3], [0, 0, 0]])
    rows = list(csv.reader(io.StringIO(confusion_csv(matrix, classes).decode())))
    assert rows == [
        ["true class", "cat", 'a, "dog"', r"\udcff猫"],
        ["cat", "5", "1", "0"],
        ['a, "dog"', "2", "7", "3"],
        [r"\udcff猫", "0", "0", "0"],
    ]


@pytest.mark.parametrize("count", [2, 10, 230])
def test_the_picture_is_of_a_sensible_size(count: int) -> None:
    matrix = np.eye(count, dtype=np.int64) * 7
    picture = confusion_png(matrix, [f"class {c}" for c in range(count)], ["vae", "accuracy"])
    height, width, _ = imread(io.BytesIO(picture)).shape
    assert 500 < height < 2000
    assert 500 < width < 2000


def test_colours_are_shares_of_the_true_class_on_one_scale() -> None:
    def colours(matrix: list[list[int]]) -> set[int]:
        png = confusion_png(np.array(matrix), ["a", "b"], ["x"])
        pixels = (imread(io.BytesIO(png))[:, :420, :3] * 255).round().astype(np.int64)
        values, counts = np.unique(pixels @ [65536, 256, 1], return_counts=True)
        return {int(value) for value in values[counts > 4000]}

    # However many images: 30 % is 30 %, and the darkest cell need not be the darkest colour.
    found = colours([[70, 30], [30, 70]])
    assert found == colours([[7, 3], [300, 700]])
    assert found != colours([[90, 10], [10, 90]])
    # A class that no image has is neither 0 % nor any other share.
    assert colours([[10, 0], [0, 0]]) != colours([[10, 0], [0, 10]])


@pytest.mark.parametrize("name", ["$x_{$", "猫", "a\nb", "\udcff", "x" * 300, "", "a_b^c"])
def test_odd_names_are_drawn(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "pictures show boxes")  # where no font has the letter
        assert confusion_png(np.eye(2, dtype=np.int64), [name, "b"], [name, name])


def test_long_names_are_cut() -> None:
    assert short("twelve chars", 12) == "twelve chars"
    assert short("thirteen char", 12) == "thirteen ch…"
    assert short(" two\nlines ", 12) == "two lines"
