"""The files that come with the package: sweeps, and the versions it was tested with."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from orchestration.errors import UserError

# In an installed package they lie inside it, in a checkout beside it.
PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE, PACKAGE.parent)
FOLDERS = tuple(place / "sweeps" for place in PLACES)
SUFFIXES = (".yaml", ".yml")
ALIKE = 0.8
"""From which likeness on another file's name is taken for a slip, as difflib counts it."""


def packaged_files() -> list[str]:
    """Sweep files that come with the package, as paths below ``sweeps``: ``paper/best.yaml``."""
    below = {f.relative_to(folder) for folder in FOLDERS for f in folder.rglob("*.yaml")}
    return [str(path) for path in sorted(below, key=lambda path: (len(path.parts), path))]


def find_sweep_file(path: Path) -> Path:
    """The file itself; where there is none, the one that comes with the package and is meant.

    One is meant by its name alone, and by its place: ``sweeps/NAME`` or ``sweeps/paper/NAME``.

    Raises:
        UserError: there is neither.
    """
    if path.exists():
        return path
    names = packaged_files()
    if len(path.parts) == 1:
        below = [name for name in names if Path(name).name == path.name]
    else:
        below = [name for name in names if Path("sweeps", name) == path]
    for packaged in (folder / name for name in below for folder in FOLDERS):
        if packaged.is_file():
            return packaged
    raise UserError(f"{path}: there is no such file; {_advice(path, names)}")


def _advice(path: Path, packaged: Sequence[str]) -> str:
    """Which file may be meant; where none is like it, which there are."""
    if path.suffix not in SUFFIXES:
        for suffix in SUFFIXES:
            if path.with_name(path.name + suffix).is_file():
                return f"did you mean {path}{suffix}?"
    meant = similar_file(path.name, packaged)
    if meant is not None:
        return f"did you mean sweeps/{meant}, which comes with cvae-sweep?"
    return (
        "write one, or use one of those that come with cvae-sweep: "
        f"{', '.join(f'sweeps/{name}' for name in packaged)}"
    )


def similar_file(name: str, files: Sequence[str]) -> str | None:
    """Of other files the one that is probably meant, by its name without folder and ending."""
    stems = {Path(file).stem: file for file in reversed(files)}
    stem = Path(name).stem if Path(name).suffix in SUFFIXES else name
    close = difflib.get_close_matches(stem, stems, 1, ALIKE)
    return stems[close[0]] if close else None


def constrained_versions() -> dict[str, str]:
    """Versions that this project is tested with, by distribution; empty where the file is gone."""
    for place in PLACES:
        file = place / "constraints.txt"
        if file.is_file():
            lines = (line.split("#")[0].strip() for line in file.read_text().splitlines())
            pairs = (line.split("==") for line in lines if "==" in line)
            return {name.strip(): version.strip() for name, version in pairs}
    return {}
