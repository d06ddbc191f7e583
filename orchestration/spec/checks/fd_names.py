"""The name that a Fréchet distance on validation has, from what a sweep file says."""

from __future__ import annotations

import re

from cvae_core.config import DataConfig
from cvae_core.evaluation.distances.usual_count import usual_on_validation, validation_images

TRAINING_IMAGES = {
    "digits": 1437,
    "mnist": 60_000,
    "fashion_mnist": 60_000,
    "kmnist": 60_000,
    "cifar10": 50_000,
    "svhn": 73_257,
}
"""Of the data sets whose number of images is known before they are read."""


def fd_of(data: DataConfig, n: int, images: int) -> str:
    """The name of ``val/fd_…`` of a data set of so many training images; see ``fd_in_training``."""
    count = min(n, validation_images(images, data.validation_fraction))
    name = f"val/fd_{data.dataset}-cnn"
    return name if count == usual_on_validation(images) else f"{name}_n{count}"


def fd_in_training(data: DataConfig, n: int) -> tuple[str, str]:
    """The name of ``val/fd_…`` as a regular expression, and as people write it.

    N is in it where it is not what ``validation_fraction``'s default holds out.

    Args:
        data: of a trial.
        n: images, at most, that distances are of.
    """
    name = f"val/fd_{data.dataset}-cnn"
    images = TRAINING_IMAGES.get(data.name)
    if images is not None:
        whole = fd_of(data, n, images)
        return re.escape(whole), whole
    pattern = re.escape(name)
    if data.content is None:
        # The hash of the images is not known before they are read.
        pattern = pattern.replace(re.escape("folder--"), "folder-[0-9a-f]{12}-")
    if data.validation_fraction == DataConfig().validation_fraction:
        # All that is held out, or n where that is less.
        return f"{pattern}(_n{n})?", name
    return rf"{pattern}_n\d+", f"{name}_n<images of the validation part, at most {n}>"
