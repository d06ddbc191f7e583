from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import torch

from cvae_core.config import TrialConfig
from cvae_core.data import Dataset, Images
from cvae_core.evaluation.figures import HEADING
from cvae_core.evaluation.parts import Findings, measure
from cvae_core.evaluation.pictures.declaration import PicturesConfig
from cvae_core.evaluation.pictures.image_grid import GAP, cells, choose, enlarged, grid
from cvae_core.evaluation.pictures.part import MARGIN, reconstructions_png
from cvae_core.evaluation.subject import Subject
from cvae_core.models import build_model
from cvae_core.training.fit import FitResult


def findings(subject: Subject, **settings: int) -> Findings:
    *shares, last = measure("pictures", subject, PicturesConfig(**settings))
    assert isinstance(last, Findings)
    assert all(0 < share < 1 for share in shares)  # type: ignore[operator]
    return last


@pytest.fixture(scope="module")
def found(subject: Subject) -> Findings:
    return findings(subject, reconstructions=12, samples=7)


def read(picture: bytes) -> np.ndarray:
    """uint8 (height, width, 3)."""
    return (matplotlib.image.imread(io.BytesIO(picture))[..., :3] * 255).round().astype(np.uint8)


def contains(picture: np.ndarray, image: np.ndarray) -> list[tuple[int, int]]:
    """Where an image (h, w, 3) is, to the pixel, in a picture: (top, left)."""
    windows = np.lib.stride_tricks.sliding_window_view(picture[..., 0], image.shape[:2])
    # Of the middle row every fourth pixel first, which leaves few places to compare in full.
    middle = image.shape[0] // 2
    same = (windows[:, :, middle, ::4] == image[middle, ::4, 0]).all(axis=-1)
    height, width = image.shape[:2]
    return [
        (t, x)
        for t, x in np.argwhere(same)
        if (picture[t : t + height, x : x + width] == image).all()
    ]


def test_images_are_of_all_classes_evenly_and_the_same_every_time() -> None:
    labels = np.random.default_rng(0).integers(0, 7, 300)
    chosen = choose(labels, 25)
    assert len(set(chosen)) == 25
    counts = np.bincount(labels[chosen], minlength=7)
    assert counts.min() == 3
    assert counts.max() == 4
    assert list(labels[chosen[:14]]) == [*range(7), *range(7)]
    assert (choose(labels, 25) == chosen).all()
    assert (choose(labels, 20)[:14] == chosen[:14]).all()


def test_rare_classes_and_few_images_are_no_trouble() -> None:
    labels = np.array([5, 5, 5, 5, 2])
    assert sorted(choose(labels, 100)) == [0, 1, 2, 3, 4]
    assert sorted(labels[choose(labels, 3)]) == [2, 5, 5]
    many = choose(np.arange(100), 10)
    assert len(set(many)) == 10
    assert many.max() > 10


def test_pixels_are_enlarged_to_squares_in_their_cells() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 6), dtype=np.uint8)
    layout = cells((3, 4, 6), 3)
    canvas = grid(pixels, layout)
    for place, image in enumerate(pixels):
        row, column = divmod(place, 3)
        for y in range(4):
            for x in range(6):
                top = row * (layout.height + GAP) + y * layout.repeat
                left = column * (layout.width + GAP) + x * layout.repeat
                square = canvas[top : top + layout.repeat, left : left + layout.repeat]
                assert (square == image[:, y, x]).all()
    assert (canvas[-layout.height :, -layout.width :] == 255).all()
    grey = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    assert (enlarged(grey, 2)[0, :, :, 1] == np.kron(grey[0, 0], np.ones((2, 2)))).all()


@pytest.mark.parametrize(("size", "columns"), [(8, 10), (28, 10), (32, 8), (32, 20), (300, 10)])
def test_grids_are_about_a_page_wide(size: int, columns: int) -> None:
    layout = cells((1, size, size), columns)
    assert layout.left(layout.columns) <= 1004
    assert layout.columns == columns or size == 300
    assert layout.width == size * layout.repeat


def test_originals_are_over_their_reconstructions(subject: Subject, found: Findings) -> None:
    picture = read(found.files["reconstructions.png"])
    pixels = subject.pixels("judged")[torch.from_numpy(choose(subject.labels("judged"), 12))]
    with torch.no_grad():
        decoded = subject.model.decode(subject.model.encode(pixels.float() / 255)[0])
    stored = (decoded * 255).round().to(torch.uint8)
    layout = cells((1, 28, 28), 10)
    places = []
    for original, result in zip(pixels.numpy(), stored.numpy(), strict=True):
        (top, left), *more = contains(picture, enlarged(original[None], layout.repeat)[0])
        assert not more
        below = picture[top + layout.height + GAP :, left : left + layout.width]
        assert (below[: layout.height] == enlarged(result[None], layout.repeat)[0]).all()
        places.append((top, left))
    assert places == sorted(places)
    assert len({top for top, _ in places}) == 2


def test_samples_are_those_that_every_part_sees(subject: Subject, found: Findings) -> None:
    picture = read(found.files["samples.png"])
    layout = cells((1, 28, 28), math.ceil(math.sqrt(7)))
    canvas = grid(subject.generated(7).numpy(), layout)
    height, width = canvas.shape[:2]
    assert (picture[HEADING : HEADING + height, MARGIN : MARGIN + width] == canvas).all()


def test_a_vae_and_a_cvae_show_the_same_images_at_the_same_places(
    subject: Subject, contrastive: Subject
) -> None:
    ours, theirs = (read(reconstructions_png(judged, 20)) for judged in (subject, contrastive))
    assert ours.shape == theirs.shape
    layout = cells((1, 28, 28), 10)
    chosen = choose(subject.labels("judged"), 20)
    for image in subject.pixels("judged")[torch.from_numpy(chosen[[0, 19]])].numpy():
        shown = enlarged(image[None], layout.repeat)[0]
        assert contains(ours, shown) == contains(theirs, shown) != []


def test_colours_and_a_symmetric_range_are_shown_as_they_are(
    small: Dataset, make_subject: Callable[..., Subject], tmp_path: Any
) -> None:
    config = TrialConfig.from_settings(
        {"data": {"value_range": "symmetric"}, "architecture": {"channels": [4, 8]}}
    )
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 16, 16), dtype=np.uint8)
    images = Images(pixels, np.arange(40) % 4)
    names = ("a$b$", "<b>", "very long name of a class", "d")
    data = Dataset("colours", images, images, names)
    weights = build_model(config, data.image_shape).state_dict()
    subject = Subject(config, data, weights, cache=tmp_path, label="a $x^{$ label " * 20)
    found = findings(subject, reconstructions=4)
    picture = read(found.files["reconstructions.png"])
    chosen = choose(images.labels, 4)
    layout = cells((3, 16, 16), 10)
    with torch.no_grad():
        unit = torch.from_numpy(pixels[chosen]).float() / 255
        decoded = subject.model.decode(subject.model.encode(unit * 2 - 1)[0])
    stored = ((decoded + 1) / 2 * 255).round().to(torch.uint8).numpy()
    for original, result in zip(pixels[chosen], stored, strict=True):
        ((top, left),) = contains(picture, enlarged(original[None], layout.repeat)[0])
        below = picture[top + layout.height + GAP :, left : left + layout.width]
        assert (below[: layout.height] == enlarged(result[None], layout.repeat)[0]).all()


def test_two_calls_make_the_same_bytes(subject: Subject, found: Findings) -> None:
    assert findings(subject, reconstructions=12, samples=7) == found


def test_without_epochs_there_are_no_curves(
    make_subject: Callable[..., Subject], config: TrialConfig, small: Dataset, trained: FitResult
) -> None:
    found = findings(make_subject(config, small, trained, epochs=[]))
    assert sorted(found.files) == ["reconstructions.png", "samples.png"]
    assert "no epochs are recorded" in found.warnings[0]
