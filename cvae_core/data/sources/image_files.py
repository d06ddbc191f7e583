"""The images of a folder ``train/CLASS/…``, ``test/CLASS/…``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cvae_core.data.sources.problems import SHOWN, Problems, Reason, shown
from cvae_core.errors import DataError

EXTENSIONS = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
)
SPLITS = ("train", "test")


@dataclass(frozen=True)
class Listing:
    """Which images there are.

    Attributes:
        folder: resolved.
        classes: names, sorted; a label is an index into them.
        train: paths below the folder, by class, then by path.
        test: likewise.
    """

    folder: Path
    classes: tuple[str, ...]
    train: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """Training, then test images."""
        return self.train + self.test

    def labels(self) -> list[int]:
        """The label of each file: its class's place among the classes."""
        places = {name: place for place, name in enumerate(self.classes)}
        return [places[path.split(os.sep, 2)[1]] for path in self.files]


def list_images(folder: Path, problems: Problems) -> Listing:
    """Find the images; hidden files and those with other endings are passed over.

    Args:
        folder: resolved, so that links can be told to lead out of it.
        problems: takes the links that do.

    Raises:
        DataError: the folder is missing or not laid out as it should be.
    """
    try:
        return _list(folder, problems)
    except OSError as error:
        raise DataError(f"{shown(error.filename)}: cannot be read ({error.strerror})") from None


def _list(folder: Path, problems: Problems) -> Listing:
    classes = {split: _classes(folder, split, problems) for split in SPLITS}
    train, test = (set(classes[split]) for split in SPLITS)
    if train != test and not problems:
        parts = [
            f"only in {split}/: {_some(sorted(own))}"
            for split, own in (("train", train - test), ("test", test - train))
            if own
        ]
        raise DataError(
            f"{shown(folder)}: train/ and test/ must hold the same classes; {'; '.join(parts)}. "
            "Add or rename the folders that differ"
        )
    if len(train) == 1 and not problems:
        raise DataError(
            f"{shown(folder)}: there is only one class, {_some(sorted(train))}; "
            f"the linear probe needs two or more. {_layout(folder)}"
        )
    empty = [
        f"{split}/{name}" for split in SPLITS for name, files in classes[split].items() if not files
    ]
    if empty and not problems:
        raise DataError(
            f"{shown(folder)}: class folders without images ({len(empty):,}): {_some(empty)}. "
            f"Images end in {', '.join(sorted(EXTENSIONS))}; add some or delete these folders"
        )
    paths = (tuple(path for files in classes[s].values() for path in files) for s in SPLITS)
    return Listing(folder, tuple(sorted(train | test)), *paths)


def _classes(folder: Path, split: str, problems: Problems) -> dict[str, list[str]]:
    """Class names, sorted, each with its files, sorted."""
    top = folder / split
    if not top.is_dir():
        folders = sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] != ".")
        raise DataError(
            f"{shown(folder)}: there is no folder {split}/ in it"
            f"{f', only {_some(folders)}' if folders else ''}. {_layout(folder)}"
        )
    if not Path(os.path.realpath(top)).is_relative_to(folder):
        problems.add(split, Reason("link"))
        return {}
    entries = {entry.name: entry for entry in os.scandir(top) if entry.name[0] != "."}
    classes = {}
    for name in sorted(entries):
        path = f"{split}{os.sep}{name}"
        if _leads_out(entries[name], folder) and Path(entries[name].path).is_dir():
            problems.add(path, Reason("link"))
        elif Path(entries[name].path).is_dir():
            seen = frozenset({str(folder), os.path.realpath(top)})
            classes[name] = sorted(_images(folder, path, seen, problems))
    if not classes and not problems:
        raise DataError(f"{shown(folder)}: {split}/ holds no class folders. {_layout(folder)}")
    return classes


def _images(
    folder: Path, relative: str, above: frozenset[str], problems: Problems
) -> Iterator[str]:
    """Paths of the images below a folder. A link back to a folder above it is passed over."""
    real = os.path.realpath(folder / relative)
    if real in above:
        return
    for entry in os.scandir(folder / relative):
        path = f"{relative}{os.sep}{entry.name}"
        is_image = Path(entry.name).suffix.lower() in EXTENSIONS
        if entry.name[0] == ".":
            continue
        is_folder = Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir()
        if _leads_out(entry, folder):
            if is_image or is_folder:
                problems.add(path, Reason("link"))
        elif is_folder:
            yield from _images(folder, path, above | {real}, problems)
        elif is_image and entry.is_symlink() and not Path(entry.path).exists():
            problems.add(path, Reason("link", "leads nowhere"))
        elif is_image and entry.is_file():
            yield path


def _leads_out(entry: os.DirEntry[str], folder: Path) -> bool:
    return entry.is_symlink() and not Path(os.path.realpath(entry.path)).is_relative_to(folder)


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(shown(name) for name in names[:SHOWN]) + rest


def _layout(folder: Path) -> str:
    return (
        "Images of your own lie like this, with the same two or more classes in train and test:\n"
        f"  {shown(folder)}/train/cat/any-name.png\n"
        f"  {shown(folder)}/train/dog/any-name.png\n"
        f"  {shown(folder)}/test/cat/any-name.png\n"
        f"  {shown(folder)}/test/dog/any-name.png"
    )
