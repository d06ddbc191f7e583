"""The split of the training images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvae_core.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from cvae_core.config import DataConfig
    from cvae_core.data.dataset import Dataset

VALIDATION_FIT = 10_000
"""Training images that classifiers are fitted on where validation is what they are scored on."""


def split_of(data: Dataset, config: DataConfig) -> tuple[Tensor, Tensor]:
    """Indices of a data set's training and validation images, as ``split_indices`` draws them."""
    return split_indices(len(data.train), config.validation_fraction, config.split_seed)


def split_indices(count: int, validation_fraction: float, split_seed: int) -> tuple[Tensor, Tensor]:
    """Random split into training and validation.

    Args:
        count: number of images.
        validation_fraction: share held out, rounded to whole images.
        split_seed: seed of the split, apart from the trial's seed.

    Returns:
        Indices of training and of validation images, int64, disjoint, together all.

    Raises:
        DataError: one of the two parts would be empty.
    """
    import torch  # here, as a driver that trains nothing does without

    from cvae_core.streams import stream

    check_split(count, validation_fraction)
    held_out = validation_count(count, validation_fraction)
    order = torch.randperm(count, generator=stream(split_seed, "split"))
    return order[held_out:], order[:held_out]


def check_split(count: int, validation_fraction: float) -> None:
    """Refuse a split of so many images of which one part would be empty.

    Raises:
        DataError: there are too few.
    """
    if not 0 < validation_count(count, validation_fraction) < count:
        raise DataError(
            f"{count} training images cannot be split with validation_fraction "
            f"{validation_fraction}: one of the two parts would be empty; add images, or choose a "
            "data.validation_fraction that leaves each part one"
        )


def validation_count(count: int, validation_fraction: float) -> int:
    """How many of the training images are held out: that share, rounded to whole images."""
    return round(count * validation_fraction)
