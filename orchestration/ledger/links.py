"""Symbolic links in a sweep's folder: what is read, sent, written or removed there stays there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from orchestration.errors import UserError


def refuse_links_out(folder: Path) -> None:
    """Refuse a sweep's folder in which a link leads out of it; the folder itself may be one.

    A sweep that somebody passes on could else have files of whoever continues it sent to MLflow,
    or removed.

    Raises:
        UserError: it names the link.
    """
    root = folder.resolve()
    for link in _links(root):
        if not link.resolve().is_relative_to(root):
            raise UserError(
                f"{link}: is a link that leads out of the sweep's folder. Put what it leads to in "
                "its place; to keep sweeps on another disk, choose it with --storage"
            )


def _links(folder: Path) -> Iterator[Path]:
    """All links below a folder; none is followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                yield from _links(Path(entry.path))
