"""Decoded images on disk, found again by the content that they were decoded from."""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvae_core.config import DataConfig
from cvae_core.data.dataset import Dataset, Images
from cvae_core.data.sources.content import warn_unwritable
from cvae_core.data.sources.decode import DECODER
from cvae_core.data.sources.left_out import LeftOut

SPLITS = ("train", "test")
ABOUT = "about.json"
TRIES = 5
"""To put decoded images where others put theirs at the same time."""


@dataclass(frozen=True)
class Decoded:
    """A decoded folder, and whether every file of it is grey."""

    data: Dataset
    all_grey: bool

    @property
    def channels(self) -> int:
        """1 or 3."""
        return self.data.image_shape[0]


def read_decoded(
    cache: Path,
    config: DataConfig,
    classes: tuple[str, ...],
    left_out: tuple[LeftOut, ...] = (),
    made_of: str = "",
) -> Decoded | None:
    """What an earlier load left; none where it left nothing, or it is damaged.

    Args:
        cache: the cache's folder.
        config: of a folder, with its content, or of a data set that has a name.
        classes: as they are.
        left_out: of a folder: what lies there as well.
        made_of: what the files were that were read, where the configuration does not say it.
    """
    # Whether "auto" means grey is known from either of the two.
    for channels in {"grey": (1,), "rgb": (3,), "auto": (1, 3)}[config.colour]:
        place = _place(cache, config, channels)
        decoded = _read(place, config, classes, left_out, made_of)
        if decoded is None:
            continue
        if config.colour != "auto" or decoded.all_grey == (channels == 1):
            return decoded
    return None


def write_decoded(cache: Path, config: DataConfig, decoded: Decoded, made_of: str = "") -> None:
    """Keep decoded images; a warning where that is not possible."""
    place = _place(cache, config, decoded.channels)
    part = cache / f".writing-{secrets.token_hex(4)}"
    aside = part.with_name(f"{part.name}-replaced")

    def is_there() -> bool:
        return _read(place, config, decoded.data.classes, made_of=made_of) is not None

    try:
        try:
            part.mkdir(parents=True)
            _write(part, decoded, made_of)
            for _ in range(TRIES):
                try:
                    part.rename(place)
                except OSError:
                    if is_there():  # another process has done the same
                        break
                    # Damaged, or of other files: out of the way in one step, as others do it too.
                    with suppress(FileNotFoundError):
                        place.rename(aside)
                    shutil.rmtree(aside, ignore_errors=True)
                else:
                    break
        finally:
            shutil.rmtree(part, ignore_errors=True)
        if not is_there():
            raise OSError(f"{place} is replaced again and again")
    except OSError as error:
        if not is_there():
            warn_unwritable(place, error)


def _place(cache: Path, config: DataConfig, channels: int) -> Path:
    colour = "grey" if channels == 1 else "rgb"
    return cache / f"{config.content or config.name}-{config.image_size}-{colour}-v{DECODER}"


def _write(folder: Path, decoded: Decoded, made_of: str) -> None:
    data = decoded.data
    for split, images in zip(SPLITS, (data.train, data.test), strict=True):
        np.save(folder / f"{split}-pixels.npy", images.pixels, allow_pickle=False)
        np.save(folder / f"{split}-labels.npy", images.labels, allow_pickle=False)
    about = {
        "classes": list(data.classes),
        "all_grey": decoded.all_grey,
        "fingerprint": data.fingerprint(),
        "made_of": made_of,
    }
    (folder / ABOUT).write_text(json.dumps(about))


def _read(
    folder: Path,
    config: DataConfig,
    classes: tuple[str, ...],
    left_out: tuple[LeftOut, ...] = (),
    made_of: str = "",
) -> Decoded | None:
    try:
        about = json.loads((folder / ABOUT).read_bytes())
        if about.get("made_of", "") != made_of:
            return None
        train, test = (
            Images(
                *(
                    np.load(folder / f"{split}-{part}.npy", allow_pickle=False)
                    for part in ("pixels", "labels")
                )
            )
            for split in SPLITS
        )
        data = Dataset(config.dataset, train, test, classes, left_out)
        sound = about["fingerprint"] == data.fingerprint()
        return Decoded(data, bool(about["all_grey"])) if sound else None
    except Exception:  # a damaged file fails in many ways, and decoding again mends them all
        return None
