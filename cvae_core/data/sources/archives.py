"""What torchvision knows of the files of its data sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Member:
    """A file that is unpacked from an archive; its path is below the archive's folder."""

    path: str
    md5: str | None


@dataclass(frozen=True)
class Archive:
    """A file to be fetched, and what is unpacked from it.

    Attributes:
        path: below the root.
        md5: hexadecimal.
        urls: where it is to be had, in the order in which they are tried.
        members: none where the file itself is read.
    """

    path: str
    md5: str
    urls: tuple[str, ...]
    members: tuple[Member, ...] = ()

    def files(self, root: Path) -> list[Path]:
        """The files that are read in the end."""
        packed = root / self.path
        return [packed.parent / member.path for member in self.members] or [packed]


def idx_archives(source: Any) -> list[Archive]:
    """The four files of a data set in MNIST's format; the unpacked ones have no MD5."""
    folder = f"{source.__name__}/raw"
    return [
        Archive(
            f"{folder}/{name}",
            md5,
            tuple(mirror + name for mirror in source.mirrors),
            (Member(name.removesuffix(".gz"), None),),
        )
        for name, md5 in source.resources
    ]


def cifar_archives(source: Any) -> list[Archive]:
    """CIFAR's archive."""
    files = [*source.train_list, *source.test_list, (source.meta["filename"], source.meta["md5"])]
    members = tuple(Member(f"{source.base_folder}/{name}", md5) for name, md5 in files)
    return [Archive(source.filename, source.tgz_md5, (source.url,), members)]


def svhn_archives(source: Any) -> list[Archive]:
    """SVHN's training and test file, which are read as they are."""
    return [
        Archive(name, md5, (url,))
        for url, name, md5 in (source.split_list[split] for split in ("train", "test"))
    ]
