from __future__ import annotations

import numpy as np
import pytest

from cvae_core.data.mean_image import CHUNK, colour_of, error_of, mean_image


@pytest.fixture
def pixels() -> np.ndarray:
    """More than two chunks of RGB images, and a last one that is not whole."""
    return np.random.default_rng(0).integers(0, 256, (2 * CHUNK + 77, 3, 4, 5), dtype=np.uint8)


def test_the_mean_image_is_that_of_the_chosen_alone(pixels: np.ndarray) -> None:
    chosen = np.random.default_rng(1).permutation(len(pixels))[100:]
    mean = mean_image(pixels, chosen)
    assert mean == pytest.approx(pixels[chosen].astype(float).mean(axis=0), rel=1e-12)
    assert colour_of(mean) == pytest.approx(mean.mean(axis=(1, 2)), rel=1e-12)
    assert np.array_equal(mean, mean_image(pixels, np.sort(chosen))), "in whatever order"


def test_its_error_is_that_of_predicting_it(pixels: np.ndarray) -> None:
    chosen = np.random.default_rng(1).permutation(len(pixels))[: CHUNK + 3]
    image = np.random.default_rng(2).uniform(0, 255, pixels.shape[1:])
    expected = ((pixels[chosen] - image) ** 2).mean()
    assert error_of(image, pixels, chosen) == pytest.approx(expected, rel=1e-12)
