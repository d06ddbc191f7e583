"""How large the data sets are, and which there are, without loading them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args, get_type_hints

from cvae_core.config import DataConfig
from cvae_core.data.sources import inspect_dataset
from orchestration.plan.datasets import root_of


def data_names() -> list[str]:
    """Names of the data sets that can be found by their name alone."""
    names: tuple[str, ...] = get_args(get_type_hints(DataConfig)["name"])
    return [name for name in names if name != "folder"]


def image_shape(config: DataConfig) -> tuple[int, int, int]:
    """(C, H, W); of images whose colour is not known beforehand, as if they had it."""
    if config.name == "folder":
        return 1 if config.colour == "grey" else 3, config.image_size, config.image_size
    _, channels, height, width = _shape(config.name)
    return channels, height, width


def data_bytes(config: DataConfig, root: Path | None) -> int:
    """Bytes of the pixels in memory, one a channel."""
    if config.name == "folder":
        count = inspect_dataset(config, root_of(config, root)).images
    else:
        count = _shape(config.name)[0]
    return count * math.prod(image_shape(config))


def _shape(name: str) -> tuple[int, int, int, int]:
    from cvae_core.data.sources.digits import DIGITS_SHAPE
    from cvae_core.data.sources.vision_sets import VISION_SETS

    return DIGITS_SHAPE if name == "digits" else VISION_SETS[name].shape
