"""How large the data sets are, and which there are, without loading them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args, get_type_hints

from cvae_core.config import DataConfig
from orchestration.plan.datasets import root_of

SHAPES = {
    "digits": (1_797, 1, 28, 28),
    "mnist": (70_000, 1, 28, 28),
    "fashion_mnist": (70_000, 1, 28, 28),
    "kmnist": (70_000, 1, 28, 28),
    "cifar10": (60_000, 3, 32, 32),
    "svhn": (99_289, 3, 32, 32),
}
"""(N, C, H, W) of training and test images together."""


def data_names() -> list[str]:
    """Names of the data sets that can be found by their name alone."""
    names: tuple[str, ...] = get_args(get_type_hints(DataConfig)["name"])
    return [name for name in names if name != "folder"]


def image_shape(config: DataConfig) -> tuple[int, int, int]:
    """(C, H, W); of images whose colour is not known beforehand, as if they had it."""
    if config.name == "folder":
        return 1 if config.colour == "grey" else 3, config.image_size, config.image_size
    _, channels, height, width = SHAPES[config.name]
    return channels, height, width


def data_bytes(config: DataConfig, root: Path | None) -> int:
    """Bytes of the pixels in memory, one a channel."""
    if config.name == "folder":
        place = root_of(config, root) / (config.path or "")
        count = sum(1 for path in place.glob("t*/**/*") if path.is_file())
    else:
        count = SHAPES[config.name][0]
    return count * math.prod(image_shape(config))
