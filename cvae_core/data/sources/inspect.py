"""Whether a data set is there and whole: nothing is fetched, no image is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cvae_core.config import DataConfig
from cvae_core.data.sources.archives import looked_for
from cvae_core.data.sources.folder import folder_path
from cvae_core.data.sources.image_files import list_images
from cvae_core.data.sources.integrity import wrong_files
from cvae_core.data.sources.left_out import LeftOut
from cvae_core.data.sources.problems import Problems
from cvae_core.data.sources.vision_sets import VISION_SETS, vision_folder
from cvae_core.errors import DataError


@dataclass(frozen=True)
class Inspection:
    """What was found of a data set."""

    state: Literal["found", "missing", "damaged"]
    place: Path | None
    """None for the digits, which come with scikit-learn."""
    detail: str = ""
    images: int = 0
    """How many were found in a folder of images."""
    left_out: tuple[LeftOut, ...] = ()
    """Of a folder of images: what lies in it and is not among them."""


def inspect_dataset(config: DataConfig, root: Path | None) -> Inspection:
    """Look for a data set where ``load_dataset`` would.

    Args:
        config: which data set.
        root: folder of the data sets.
    """
    if config.name == "digits":
        return Inspection("found", None)
    if config.name == "folder":
        return _inspect_folder(folder_path(config, root))
    return _inspect_vision_set(config.name, root or Path())


def _inspect_folder(place: Path) -> Inspection:
    if not place.is_dir():
        return Inspection("missing", place, "there is no such folder")
    problems = Problems(place)
    try:
        listing = list_images(place.resolve(), problems)
        problems.raise_any()
    except DataError as error:
        return Inspection("damaged", place, str(error))
    count = len(listing.files)
    return Inspection("found", place, f"{count:,} images", count, listing.left_out)


def _inspect_vision_set(name: str, root: Path) -> Inspection:
    from cvae_core.data.vision import torchvision

    described = VISION_SETS[name]
    archives = described.archives(getattr(torchvision.datasets, described.source))
    place = vision_folder(name, root)
    wrong = wrong_files(name, root, archives)
    if wrong:
        return Inspection("damaged", place, "; ".join(wrong))
    missing = [
        archive
        for archive in archives
        if not archive.is_unpacked(root) and not (root / archive.path).is_file()
    ]
    if missing:
        return Inspection("missing", place, f"looked for {looked_for(missing, root)}")
    return Inspection("found", place)
