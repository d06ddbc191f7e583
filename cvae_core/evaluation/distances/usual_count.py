"""How many images a distance is usually of: of so many it has no N in its name."""

from __future__ import annotations

from cvae_core.config import DataConfig

USUAL = 10_000


def usual_on_validation(training_images: int) -> int:
    """As many as ``data.validation_fraction``'s default holds out, at most 10,000.

    Args:
        training_images: of the data set, those of the validation part included.
    """
    return min(USUAL, validation_images(training_images, DataConfig().validation_fraction))


def validation_images(training_images: int, fraction: float) -> int:
    """As many images as the validation part has."""
    return round(training_images * fraction)
