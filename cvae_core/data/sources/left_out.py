"""What lies in a folder of images and is not among them: which, how much, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any, Literal

from cvae_core.data.sources.problems import SHOWN, shown

Why = Literal["format", "stray", "split", "closed", "leftover", "other", "hidden", "system"]
_WORDS: dict[Why, tuple[str, str]] = {
    "format": (
        "images in formats that are not read, such as HEIC, SVG or a camera's own",
        "convert them to PNG or JPEG",
    ),
    "stray": (
        "images that lie in no class folder",
        "move them into train/CLASS/ or test/CLASS/",
    ),
    "split": (
        "folders beside train/ and test/",
        "validation images are split off those in train/: move what is to be trained on there",
    ),
    "closed": ("files that cannot be opened to see what they are", "make them readable"),
    "leftover": ("backups and unfinished downloads", ""),
    "other": ("files that are not images", ""),
    "hidden": ("hidden files and folders", ""),
    "system": ("files and folders of operating systems, thumbnails among them", ""),
}
"""By what a person should see first: what it is, and what to do where it may not be meant."""

_SYSTEM = frozenset(
    (
        *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),  # a NAS
        *(".@__thumb", ".ds_store", ".appledouble", "__macosx", "icon\r", ".spotlight-v100"),
        *(".fseventsd", ".trashes", ".temporaryitems", ".documentrevisions-v100"),
        *("$recycle.bin", "recycler", "system volume information"),
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini"),
        *("lost+found", ".thumbnails", ".thumbs", ".directory", ".ipynb_checkpoints"),
        "__pycache__",
    )
)
"""In small letters."""
_SYSTEM_ENDINGS = ("@synoeastream", "@synoresource", ".thm")
_LEFTOVER_ENDINGS = ("~", ".bak", ".orig", ".tmp", ".part", ".partial", ".crdownload", ".download")
_OTHER_SPLITS = frozenset(
    ("val", "valid", "validation", "dev", "eval", "holdout", "training", "testing", "extra")
)


@dataclass(frozen=True)
class LeftOut:
    """Files and folders that were left out for one reason."""

    reason: str
    """One word, for programs."""
    what: str
    count: int
    examples: tuple[str, ...]
    """Paths below the folder; those of folders end in a slash."""
    advice: str = ""
    """What to do; empty where they are meant to be left out."""

    def __str__(self) -> str:
        rest = self.count - len(self.examples)
        more = f" and {rest:,} more" if rest else ""
        return f"{self.what} ({self.count:,}): {', '.join(self.examples)}{more}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"examples": list(self.examples)}


def why_by_name(name: str) -> Why | None:
    """Why a file or folder of that name is left out without a look into it; None: it is not."""
    small = name.lower()
    # macOS keeps what other file systems have no place for in a file of that name beside the image.
    if small in _SYSTEM or small.startswith("._") or small.endswith(_SYSTEM_ENDINGS):
        return "system"
    return "hidden" if name.startswith(".") else None


def is_leftover(name: str) -> bool:
    """Whether a file is another program's backup, or a download that was not finished."""
    return name.lower().endswith(_LEFTOVER_ENDINGS)


def is_another_split(name: str) -> bool:
    """Whether a folder beside train and test seems to hold images as well."""
    return name.lower() in _OTHER_SPLITS


class Leavings:
    """Collects what is left out of a folder."""

    def __init__(self) -> None:
        self._paths: dict[Why, list[str]] = {}

    def add(self, path: str, why: Why, *, folder: bool = False) -> None:
        """Note a file or a folder, by its path below the folder of images."""
        text = PurePath(path).as_posix() + "/" * folder
        self._paths.setdefault(why, []).append(text)

    def groups(self) -> tuple[LeftOut, ...]:
        """All of it by reason; of each the first few paths."""
        return tuple(
            LeftOut(
                why,
                what,
                len(paths),
                tuple(shown(path) for path in sorted(paths)[:SHOWN]),
                advice,
            )
            for why, (what, advice) in _WORDS.items()
            if (paths := self._paths.get(why))
        )
