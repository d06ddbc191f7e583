"""Data sets as one uint8 array per split, splits, batches and views.

Where data comes from is imported on first use: training images that are in memory needs none of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cvae_core.data.dataset import Dataset, Images
from cvae_core.data.splits import split_indices

if TYPE_CHECKING:
    from cvae_core.data.sources import content_hash as content_hash
    from cvae_core.data.sources import folder_content as folder_content
    from cvae_core.data.sources import image_shape_of as image_shape_of
    from cvae_core.data.sources import load_dataset as load_dataset

_OF_SOURCES = {"content_hash", "folder_content", "image_shape_of", "load_dataset"}

__all__ = [
    "Dataset",
    "Images",
    "content_hash",
    "folder_content",
    "image_shape_of",
    "load_dataset",
    "split_indices",
]


def __getattr__(name: str) -> Any:
    if name in _OF_SOURCES:
        return getattr(importlib.import_module("cvae_core.data.sources"), name)
    raise AttributeError(f"module 'cvae_core.data' has no attribute {name!r}")
