"""Where images come from."""

from __future__ import annotations

from pathlib import Path

from cvae_core.config import DataConfig
from cvae_core.data.dataset import Dataset
from cvae_core.data.sources.content import content_hash
from cvae_core.data.sources.digits import load_digits
from cvae_core.data.sources.folder import folder_content, folder_path, load_folder
from cvae_core.data.sources.inspect import Inspection, inspect_dataset
from cvae_core.data.sources.left_out import LeftOut
from cvae_core.data.sources.progress import OnProgress
from cvae_core.data.sources.vision_sets import VISION_SETS, load_vision_set, vision_folder
from cvae_core.errors import DataError

__all__ = [
    "Inspection",
    "LeftOut",
    "OnProgress",
    "content_hash",
    "data_folder",
    "folder_content",
    "image_shape_of",
    "inspect_dataset",
    "load_dataset",
]


def load_dataset(
    data: str | DataConfig,
    root: Path | None = None,
    *,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Dataset:
    """Load a data set into memory, downloading it where it has a source to be downloaded from.

    Args:
        data: a data set's name in sweep files, or all its settings.
        root: folder of the data sets, in torchvision's layout; ``digits`` needs none. A
            ``folder`` without an absolute path lies below it, or below the working directory.
        cache: folder for images as they were decoded or read; ``None``: that is done every time.
        on_progress: called with what is being done, how much of it is done, and of how much.

    Raises:
        DataError: unknown name, or the data is neither there nor can be fetched, or is damaged.
    """
    config = DataConfig(name=data) if isinstance(data, str) else data  # type: ignore[arg-type]
    if config.name == "digits":
        return load_digits(cache)
    if config.name == "folder":
        return load_folder(config, root, cache=cache, on_progress=on_progress)
    if config.name in VISION_SETS:
        return load_vision_set(config.name, root, cache, on_progress)
    names = ", ".join(["digits", *VISION_SETS, "folder"])
    raise DataError(f"unknown data set {config.name!r}; known: {names}")


def image_shape_of(config: DataConfig, channels: int) -> tuple[int, int, int]:
    """Shape (C, H, W) of a data set's images, without loading it.

    Args:
        config: the data set.
        channels: of a folder's images, which its settings do not say.
    """
    if config.name == "digits":
        return (1, 28, 28)
    if config.name == "folder":
        return (channels, config.image_size, config.image_size)
    _, own, height, width = VISION_SETS[config.name].shape
    return (own, height, width)


def data_folder(config: DataConfig, root: Path | None) -> Path | None:
    """Folder in which a data set's files lie or are to be put; none for ``digits``."""
    if config.name == "folder":
        return folder_path(config, root)
    if config.name in VISION_SETS and root is not None:
        return vision_folder(config.name, root)
    return None
