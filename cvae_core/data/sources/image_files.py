"""The images of a folder ``train/CLASS/…``, ``test/CLASS/…``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cvae_core.data.sources.decode import FORMATS
from cvae_core.data.sources.left_out import (
    Leavings,
    LeftOut,
    Why,
    is_another_split,
    is_leftover,
    why_by_name,
)
from cvae_core.data.sources.problems import SHOWN, Problems, Reason, shown
from cvae_core.data.sources.signatures import RAW_ENDINGS, Sort, sort_of_file
from cvae_core.errors import DataError

EXTENSIONS = frozenset(
    (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
)
"""Of what is an image without a look into it: a file of such a name that is none is a problem."""
SPLITS = ("train", "test")
_BY_CONTENT: dict[Sort, Why | None] = {"image": None, "unread image": "format", "other": "other"}


@dataclass(frozen=True)
class Listing:
    """Which images there are.

    Attributes:
        folder: resolved.
        classes: names, sorted; a label is an index into them.
        train: paths below the folder, by class, then by path.
        test: likewise.
        left_out: what lies there as well.
    """

    folder: Path
    classes: tuple[str, ...]
    train: tuple[str, ...]
    test: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Training, then test images."""
        return self.train + self.test

    def labels(self) -> list[int]:
        """The label of each file: its class's place among the classes."""
        places = {name: place for place, name in enumerate(self.classes)}
        return [places[path.split(os.sep, 2)[1]] for path in self.files]


def list_images(folder: Path, problems: Problems) -> Listing:
    """Find the images: by their endings, and where those say nothing by their first bytes.

    Args:
        folder: resolved, so that links can be told to lead out of it.
        problems: takes the links that do.

    Raises:
        DataError: the folder is missing or not laid out as it should be.
    """
    try:
        return _Search(folder, problems).listing()
    except OSError as error:
        raise DataError(f"{shown(error.filename)}: cannot be read ({error.strerror})") from None


class _Search:
    """One walk through a folder: what is an image, what is left out, and what is wrong."""

    def __init__(self, folder: Path, problems: Problems) -> None:
        self._folder = folder
        self._problems = problems
        self._left_out = Leavings()

    def listing(self) -> Listing:
        folder, problems = self._folder, self._problems
        classes = {split: self._classes(split) for split in SPLITS}
        train, test = (set(classes[split]) for split in SPLITS)
        if train != test and not problems:
            raise DataError(_classes_differ(folder, train, test))
        if len(train) == 1 and not problems:
            raise DataError(
                f"{shown(folder)}: there is only one class, {_some(sorted(train))}; "
                f"the linear probe needs two or more. {_layout(folder)}"
            )
        self._look_beside()
        empty = [
            f"{split}/{name}"
            for split in SPLITS
            for name, files in classes[split].items()
            if not files
        ]
        left_out = self._left_out.groups()
        if empty and not problems:
            found = "".join(f"\n  {group}" for group in left_out)
            raise DataError(
                f"{shown(folder)}: class folders without images ({len(empty):,}): {_some(empty)}. "
                f"{', '.join(FORMATS)} are read; add some images or delete these folders"
                + (f". Left out were:{found}" if found else "")
            )
        of_train, of_test = (
            tuple(path for files in classes[s].values() for path in files) for s in SPLITS
        )
        return Listing(folder, tuple(sorted(train | test)), of_train, of_test, left_out)

    def _look_beside(self) -> None:
        """Note the folders beside train and test that seem to hold images as well."""
        for entry in os.scandir(self._folder):
            if is_another_split(entry.name) and entry.is_dir():
                self._left_out.add(entry.name, "split", folder=True)

    def _classes(self, split: str) -> dict[str, list[str]]:
        """Class names, sorted, each with its files, sorted."""
        folder, problems = self._folder, self._problems
        top = folder / split
        if not top.is_dir():
            raise DataError(_no_split(folder, split))
        if not Path(os.path.realpath(top)).is_relative_to(folder):
            problems.add(split, Reason("link"))
            return {}
        classes = {}
        for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
            path = f"{split}{os.sep}{entry.name}"
            is_folder = Path(entry.path).is_dir()
            why = why_by_name(entry.name)
            if why is not None:
                self._left_out.add(path, why, folder=is_folder)
            elif is_folder and self._leads_out(entry):
                problems.add(path, Reason("link"))
            elif is_folder:
                seen = frozenset({str(folder), os.path.realpath(top)})
                classes[entry.name] = sorted(self._images(path, seen))
            elif self._is_image(entry, path):
                self._left_out.add(path, "stray")
        if not classes and not problems:
            raise DataError(f"{shown(folder)}: {split}/ holds no class folders. {_layout(folder)}")
        return classes

    def _images(self, relative: str, above: frozenset[str]) -> Iterator[str]:
        """Paths of the images below a folder. A link back to a folder above it is passed over."""
        real = os.path.realpath(self._folder / relative)
        if real in above:
            return
        for entry in os.scandir(self._folder / relative):
            path = f"{relative}{os.sep}{entry.name}"
            is_folder = Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir()
            why = why_by_name(entry.name)
            if why is not None:
                self._left_out.add(path, why, folder=is_folder)
            elif is_folder and self._leads_out(entry):
                self._problems.add(path, Reason("link"))
            elif is_folder:
                yield from self._images(path, above | {real})
            elif self._is_image(entry, path):
                if self._leads_out(entry):
                    self._problems.add(path, Reason("link"))
                elif entry.is_symlink() and not Path(entry.path).exists():
                    self._problems.add(path, Reason("link", "leads nowhere"))
                else:
                    yield path

    def _is_image(self, entry: os.DirEntry[str], path: str) -> bool:
        """Whether something that is no folder is an image; what is not is noted as left out."""
        ending = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a Path costs more
        if ending in EXTENSIONS and (entry.is_symlink() or entry.is_file()):
            return True
        why: Why | None = "other"
        if is_leftover(entry.name):
            why = "leftover"
        elif ending in RAW_ENDINGS:
            why = "format"
        elif entry.is_file():  # of another kind one would wait for what never comes
            try:
                why = _BY_CONTENT[sort_of_file(entry.path)]
            except OSError:
                why = "closed"
        if why is not None:
            self._left_out.add(path, why)
        return why is None

    def _leads_out(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return False
        return not Path(os.path.realpath(entry.path)).is_relative_to(self._folder)


def _classes_differ(folder: Path, train: set[str], test: set[str]) -> str:
    parts = [
        f"only in {split}/: {_some(sorted(own))}"
        for split, own in (("train", train - test), ("test", test - train))
        if own
    ]
    return (
        f"{shown(folder)}: train/ and test/ must hold the same classes; {'; '.join(parts)}. "
        "Add or rename the folders that differ"
    )


def _no_split(folder: Path, split: str) -> str:
    folders = sorted(
        e.name for e in os.scandir(folder) if e.is_dir() and why_by_name(e.name) is None
    )
    return (
        f"{shown(folder)}: there is no folder {split}/ in it"
        f"{f', only {_some(folders)}' if folders else ''}. {_layout(folder)}"
    )


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
