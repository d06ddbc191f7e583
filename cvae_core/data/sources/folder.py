"""Images of one's own: ``train/CLASS/…`` and ``test/CLASS/…``."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvae_core.config import DataConfig
from cvae_core.data.dataset import Dataset, Images
from cvae_core.data.sources.content import combined, content_hash, hash_files
from cvae_core.data.sources.decode import decode
from cvae_core.data.sources.decoded_cache import Decoded, read_decoded, write_decoded
from cvae_core.data.sources.image_files import Listing, list_images
from cvae_core.data.sources.problems import Problems, Reason, RefusedImageError, shown
from cvae_core.data.sources.progress import OnProgress, in_chunks
from cvae_core.errors import DataError


def folder_path(config: DataConfig, root: Path | None) -> Path:
    """Where the images lie: an absolute path, or one below ``root`` or the working directory."""
    path = Path(config.path or "")
    with suppress(RuntimeError):  # ~name of nobody: a folder of that name is not there either
        path = path.expanduser()
    return (root or Path()) / path


def folder_content(
    config: DataConfig,
    root: Path | None,
    *,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> str:
    """Hash of the images' files, hexadecimal: what ``config.content`` is to be.

    Raises:
        DataError: the folder is missing, not laid out as it should be, or cannot be read.
    """
    try:
        return content_hash(_there(config, root), cache=cache, on_progress=on_progress)
    except DataError:
        load_folder(config, root, cache=None, on_progress=on_progress)  # to name all that is wrong
        raise


def load_folder(
    config: DataConfig,
    root: Path | None,
    *,
    cache: Path | None,
    on_progress: OnProgress | None,
) -> Dataset:
    """Decode a folder of images, or take what an earlier load has decoded.

    Raises:
        DataError: there is something wrong with the folder or with some of its files, or it is
            not the one that ``config.content`` names.
    """
    folder = _there(config, root)
    problems = Problems(folder)
    listing = list_images(folder, problems)
    hashes = hash_files(folder, listing.files, problems, cache=cache, on_progress=on_progress)
    if problems:
        _decode(listing, hashes, config, problems, on_progress)  # to name all that is wrong
        problems.raise_any()
    content = combined(hashes)
    if config.content is not None and config.content != content:
        raise DataError(
            f"{shown(folder)} has other images than it had: its content is {content}, and "
            f"{config.content} was asked for. Restore the files, or name the folder that has them"
        )
    config = dataclasses.replace(config, content=content)
    decoded = None
    if cache is not None:
        decoded = read_decoded(cache, config, listing.classes, listing.left_out)
    if decoded is None:
        decoded = _decode(listing, hashes, config, problems, on_progress)
        problems.raise_any()
        if cache is not None:
            write_decoded(cache, config, decoded)
    twice, both = _repeated(listing, hashes)
    if not twice and not both:
        return decoded.data  # which knows its fingerprint
    return dataclasses.replace(decoded.data, twice_in_train=twice, also_in_train=both)


def _repeated(
    listing: Listing, hashes: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Training images whose files were among them before, and test images that are among them."""
    seen: set[str] = set()
    twice = []
    for path in listing.train:
        if hashes[path] in seen:
            twice.append(shown(Path(path).as_posix()))
        seen.add(hashes[path])
    both = [shown(Path(path).as_posix()) for path in listing.test if hashes[path] in seen]
    return tuple(twice), tuple(both)


def _there(config: DataConfig, root: Path | None) -> Path:
    """The folder, resolved: it may itself be a link."""
    path = folder_path(config, root)
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "there is no such folder"
        raise DataError(
            f"{shown(path.absolute())}: {what}. Say with data.path (--path) where your images lie, "
            "absolute or below --data-root, else below the working directory"
        )
    return path.resolve()


def _decode(
    listing: Listing,
    hashes: Mapping[str, str],
    config: DataConfig,
    problems: Problems,
    on_progress: OnProgress | None,
) -> Decoded:
    """Decode all files that could be hashed; what is refused is noted as problems."""
    size, grey = config.image_size, config.colour == "grey"
    files = [path for path in listing.files if path in hashes]
    pixels = _room_for((len(files), 1 if grey else 3, size, size))

    def decode_chunk(chunk: slice) -> list[bool | Reason]:
        """Whether each file is grey, or why it is refused."""
        outcomes: list[bool | Reason] = []
        for place, path in enumerate(files[chunk], start=chunk.start):
            try:
                content = _read(listing.folder / path, hashes[path])
                pixels[place], is_grey = decode(content, size, grey=grey)
                outcomes.append(is_grey)
            except RefusedImageError as refused:
                outcomes.append(refused.reason)
        return outcomes

    all_grey = True
    with warnings.catch_warnings():
        # Of damaged EXIF and of many pixels: they name no file, and what can be read is read.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        for chunk, outcomes in in_chunks(decode_chunk, len(files), "decoding images", on_progress):
            for path, outcome in zip(files[chunk], outcomes, strict=True):
                if isinstance(outcome, Reason):
                    problems.add(path, outcome)
                else:
                    all_grey = all_grey and outcome
    if config.colour == "auto" and all_grey:
        pixels = np.ascontiguousarray(pixels[:, :1])
    problems.raise_any()
    labels = np.array(listing.labels(), np.int64)
    cut = len(listing.train)
    data = Dataset(
        config.dataset,
        Images(pixels[:cut], labels[:cut]),
        Images(pixels[cut:], labels[cut:]),
        listing.classes,
        listing.left_out,
    )
    return Decoded(data, all_grey)


def _room_for(shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    try:
        return np.empty(shape, np.uint8)
    except (MemoryError, ValueError):  # ValueError: more than can be counted
        raise DataError(
            f"{shape[0]:,} images of {shape[2]:,}×{shape[3]:,} pixels need "
            f"{math.prod(shape) / 1e9:,.1f} GB of memory, which is not there; lower data.image_size"
        ) from None


def _read(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RefusedImageError("unreadable", str(error.strerror)) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RefusedImageError("unreadable", "changed while it was being loaded; try again")
    return content
