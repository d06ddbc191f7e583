"""Whether the files of a known data set are what they should be."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

from cvae_core.data.sources.archives import Archive, Member
from cvae_core.data.sources.checksum import Algorithm, difference, digest
from cvae_core.data.sources.problems import last_line
from cvae_core.data.sources.unpacking import NOT_WHOLE, unpacked
from cvae_core.errors import DataError

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
RAW_SHA256 = {"mnist": MNIST_SHA256}
"""Unpacked files that may lie there without the archive whose MD5 torchvision knows, or come from
one that was made anew."""

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
    pins = {member: _pin(name, member) for member in archive.members}
    there = bool(pins) and archive.is_unpacked(root)
    trusted = False
    # An archive of which everything is there, each file with an MD5 of its own, is not needed.
    if packed.is_file() and not (there and all(member.md5 for member in pins)):
        wrong = _differs(packed, "md5", archive.md5)
        trusted = wrong is None
        # The same content may be compressed in many ways.
        if wrong is not None and not (there and all(pins.values())):
            yield from _wrong_content(name, packed, archive, wrong)
    for member, pin in pins.items():
        path = packed.parent / member.path
        if not path.is_file():
            continue
        if trusted and member.md5 is None:
            with gzip.open(packed) as content:
                pin = Pin("md5", digest(content, "md5"))
        with path.open("rb") as file:
            fault = _fault(name, member, pin, file)
        if fault is not None:
            yield f"{path} {fault}"


def _wrong_content(name: str, packed: Path, archive: Archive, wrong: str) -> Iterator[str]:
    """What is wrong with an archive whose own checksum is not the one that is known."""
    if not archive.members:
        yield wrong
        return
    try:
        for member, content in unpacked(packed, archive):
            fault = _fault(name, member, _pin(name, member), content)
            if fault is not None:
                yield f"{wrong}, and {member.path} in it {fault}"
    except NOT_WHOLE as error:
        yield f"{wrong}, and cannot be unpacked ({last_line(error)})"


class Pin(NamedTuple):
    """A checksum that is known."""

    algorithm: Algorithm
    checksum: str


def _pin(name: str, member: Member) -> Pin | None:
    if member.md5 is not None:
        return Pin("md5", member.md5)
    sha256 = RAW_SHA256.get(name, {}).get(Path(member.path).name)
    return None if sha256 is None else Pin("sha256", sha256)


def _differs(path: Path, algorithm: Algorithm, expected: str) -> str | None:
    with path.open("rb") as file:
        wrong = difference(file, algorithm, expected)
    return None if wrong is None else f"{path} has {wrong}"


def _fault(name: str, member: Member, pin: Pin | None, file: BufferedIOBase) -> str | None:
    """What is wrong with an unpacked file: by its checksum, where none is known by its format."""
    if pin is None:
        return _idx_fault(name, Path(member.path).name, file)
    wrong = difference(file, *pin)
    return None if wrong is None else f"has {wrong}"


def _idx_fault(name: str, file_name: str, file: BufferedIOBase) -> str | None:
    """What is wrong with a file in MNIST's format of which no checksum is known."""
    images = "-images-" in file_name
    count = IDX_COUNTS[file_name.partition("-")[0]]
    header = (
        struct.pack(">4I", 0x803, count, 28, 28) if images else struct.pack(">2I", 0x801, count)
    )
    size = len(header) + count * (784 if images else 1)
    content = file.read(size + 1)
    if len(content) != size:
        more = "more than " if len(content) > size else ""
        return f"has {more}{min(len(content), size)} bytes, expected {size}"
    if content[: len(header)] != header:
        what = "images of 28×28" if images else "labels"
        return f"does not begin as a file of {count} {what} does"
    if not images and max(content[len(header) :]) > 9:
        return f"has the label {max(content[len(header) :])}, expected 0 to 9"
    if name != "mnist" and hashlib.sha256(content).hexdigest() in MNIST_SHA256.values():
        return f"is MNIST's, not that of {name}"
    return None
