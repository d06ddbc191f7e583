"""Everything that is wrong with a folder of images, said at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, NamedTuple

from cvae_core.errors import DataError
from cvae_core.shell import shell_word

SHOWN = 5

Kind = Literal["link", "unreadable", "deep", "exotic", "transparent", "small", "huge", "wordy"]
_WORDS: dict[Kind, tuple[str, str]] = {
    "link": (
        "symbolic links that lead out of the folder or nowhere",
        "Put the files themselves there, such as with: cp -rL {folder} COPY",
    ),
    "unreadable": (
        "files that cannot be read as images",
        "Replace or delete them.",
    ),
    "deep": (
        "images with more than 8 bits a channel",
        "Scale them to 8 bits, such as with: mogrify -depth 8 {file}",
    ),
    "exotic": (
        "images that are neither grey nor RGB",
        "Convert them, such as with: python -c "
        "'import sys; from PIL import Image; p = sys.argv[1]; "
        'Image.open(p).convert("RGB").save(p)\' {file}',
    ),
    "transparent": (
        "images with transparent pixels, whose colour nobody knows",
        "Put them on a background, such as with: "
        "mogrify -background white -alpha remove -alpha off {file}",
    ),
    "small": (
        "images with a side of less than 4 pixels",
        "Delete them.",
    ),
    "wordy": (
        "images with more than 64 MB of text beside their pixels",
        "Take it out, such as with: mogrify -auto-orient -strip {file}",
    ),
    "huge": (
        "images with more pixels than Pillow opens, lest it run out of memory",
        "Scale them down, such as with: mogrify -resize 1024x1024 {file}",
    ),
}


class Reason(NamedTuple):
    """Why a file cannot be used; details where there are some."""

    kind: Kind
    detail: str = ""


class RefusedImageError(Exception):
    """One image that cannot be used."""

    def __init__(self, kind: Kind, detail: str = "") -> None:
        super().__init__(kind, detail)
        self.reason = Reason(kind, detail)


class Problems:
    """Collects the files of a folder that cannot be used.

    Args:
        folder: the folder; the files are named below it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Kind, list[tuple[str, str]]] = {}

    def __bool__(self) -> bool:
        return bool(self._files)

    def add(self, path: str, reason: Reason) -> None:
        """Note a file, by its path below the folder."""
        self._files.setdefault(reason.kind, []).append((path, reason.detail))

    def raise_any(self) -> None:
        """Name at most five files of each kind, how many there are, and what to do.

        Raises:
            DataError: there are some.
        """
        if not self._files:
            return
        parts = [self._part(kind, files) for kind, files in sorted(self._files.items())]
        raise DataError(f"{shown(self._folder)} cannot be used:\n" + "\n".join(parts))

    def _part(self, kind: Kind, files: list[tuple[str, str]]) -> str:
        what, remedy = _WORDS[kind]
        files = sorted(files)
        lines = [f"  {what} ({len(files):,}):"]
        for path, detail in files[:SHOWN]:
            lines.append(f"    {shown(path)}" + (f" ({detail})" if detail else ""))
        if len(files) > SHOWN:
            lines.append(f"    … and {len(files) - SHOWN:,} more")
        first = _word(self._folder / files[0][0])
        folder = _word(self._folder)
        lines.append(f"  {remedy.format(file=first, folder=folder)}")
        return "\n".join(lines)


def shown(path: str | Path) -> str:
    """A path as it can be printed, whatever bytes its name has."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _word(path: Path) -> str:
    """A path as a word of a command, which is not to take it for an option."""
    return shell_word(f"./{path}" if str(path).startswith("-") else str(path))


def last_line(error: Exception) -> str:
    """What went wrong, on one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
