"""The members of an archive, one after another, without a file written."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from typing import cast

from cvae_core.data.sources.archives import Archive, Member

NOT_WHOLE = (OSError, EOFError, zlib.error, tarfile.TarError)
"""What reading an archive raises that is damaged, or none."""


def unpacked(packed: Path, archive: Archive) -> Iterator[tuple[Member, BufferedIOBase]]:
    """Each member with what it holds; whatever else is in the archive is passed over.

    Args:
        packed: where the archive lies.
        archive: what it should be.

    Raises:
        NOT_WHOLE: it is no such archive, or damaged; also in reading a member.
    """
    if not packed.name.endswith(".tar.gz"):
        (member,) = archive.members
        with gzip.open(packed) as file:
            yield member, file
        return
    wanted = {member.path: member for member in archive.members}
    with tarfile.open(packed) as tar:
        for entry in tar:
            member_file = tar.extractfile(entry) if entry.isfile() else None
            if member_file is not None and entry.name in wanted:
                yield wanted.pop(entry.name), cast(BufferedIOBase, member_file)
    if wanted:
        raise tarfile.ReadError(f"{', '.join(wanted)} not in it")
