"""Data sets as one uint8 array per split, splits, batches and views."""

from cvae_core.data.dataset import Dataset, Images
from cvae_core.data.sources import (
    content_hash,
    folder_content,
    image_shape_of,
    load_dataset,
)
from cvae_core.data.splits import split_indices

__all__ = [
    "Dataset",
    "Images",
    "content_hash",
    "folder_content",
    "image_shape_of",
    "load_dataset",
    "split_indices",
]
