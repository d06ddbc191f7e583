"""The files of a data set that can be fetched, and what is unpacked from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Member:
    """A file that is unpacked from an archive.

    Attributes:
        path: below the archive's folder.
        md5: hexadecimal; None where it is not published: the archive is then this one file with
            gzip, and the file in MNIST's format.
    """

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

    def looked_for(self) -> str:
        """The files, any of which will do: those that are read in the end, or the archive."""
        folder = Path(self.path).parent
        read = ", ".join((folder / member.path).as_posix() for member in self.members)
        return f"{read} or {self.path}" if read else self.path

    def files(self, root: Path) -> list[Path]:
        """The files that are read in the end."""
        packed = root / self.path
        return [packed.parent / member.path for member in self.members] or [packed]

    def is_unpacked(self, root: Path) -> bool:
        """Whether all that is read in the end is there."""
        return all(path.is_file() for path in self.files(root))


def looked_for(archives: Iterable[Archive], root: Path) -> str:
    """Which files were looked for, and where."""
    return f"below {root}: {'; '.join(archive.looked_for() for archive in archives)}"
