"""Whether the files of a known data set are what they should be."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

from cvae_core.data.sources.archives import Archive
from cvae_core.data.sources.checksum import Algorithm, difference, digest
from cvae_core.errors import DataError

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
RAW_SHA256 = {"mnist": MNIST_SHA256}
"""Unpacked files that may lie there without the archive whose MD5 torchvision knows."""

IDX_COUNTS = {"train": 60_000, "t10k": 10_000}
"""Images in each split of the data sets in MNIST's format."""


def refuse_wrong_files(name: str, root: Path, archives: list[Archive]) -> None:
    """Check the files that are there, before anything is fetched or written.

    Raises:
        DataError: some are not what they should be; it names each, with both checksums.
    """
    wrong = wrong_files(name, root, archives)
    if wrong:
        them = "it" if len(wrong) == 1 else "them"
        raise DataError(
            f"{name}: {'; '.join(wrong)}. Nothing was fetched or changed. Delete {them} to have "
            f"{them} fetched again, or name another folder with --data-root"
        )


def wrong_files(name: str, root: Path, archives: list[Archive]) -> list[str]:
    """What is wrong with each of the files that are there and not what they should be."""
    return [text for archive in archives for text in _wrong(name, root, archive)]


def _wrong(name: str, root: Path, archive: Archive) -> Iterator[str]:
    packed = root / archive.path
    files = dict(zip(archive.members, archive.files(root), strict=False))
    trusted = False
    # An archive of which everything is there, each file with an MD5 of its own, is not needed.
    if packed.is_file() and not (
        files and all(member.md5 and path.is_file() for member, path in files.items())
    ):
        wrong = list(_differs(packed, "md5", archive.md5))
        trusted = not wrong
        yield from wrong
    for member, path in files.items():
        if not path.is_file():
            continue
        pinned = RAW_SHA256.get(name, {}).get(path.name)
        if member.md5 is not None:
            yield from _differs(path, "md5", member.md5)
        elif trusted:
            with gzip.open(packed) as unpacked:
                yield from _differs(path, "md5", digest(unpacked, "md5"))
        elif pinned is not None:
            yield from _differs(path, "sha256", pinned)
        else:
            yield from _idx_fault(path)


def _differs(path: Path, algorithm: Algorithm, expected: str) -> Iterator[str]:
    with path.open("rb") as file:
        wrong = difference(file, algorithm, expected)
    if wrong is not None:
        yield f"{path} has {wrong}"


def _idx_fault(path: Path) -> Iterator[str]:
    """What is wrong with a file in MNIST's format of which no checksum is known."""
    images = "-images-" in path.name
    count = IDX_COUNTS[path.name.partition("-")[0]]
    header = (
        struct.pack(">4I", 0x803, count, 28, 28) if images else struct.pack(">2I", 0x801, count)
    )
    size = len(header) + count * (784 if images else 1)
    content = path.read_bytes()
    if len(content) != size:
        yield f"{path} has {len(content)} bytes, expected {size}"
    elif content[: len(header)] != header:
        what = "images of 28×28" if images else "labels"
        yield f"{path} does not begin as a file of {count} {what} does"
    elif not images and max(content[len(header) :]) > 9:
        yield f"{path} has the label {max(content[len(header) :])}, expected 0 to 9"
