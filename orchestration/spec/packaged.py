"""The files that come with the package: sweeps, and the versions it was tested with."""

from __future__ import annotations

from pathlib import Path

from orchestration.errors import UserError

# In an installed package they lie inside it, in a checkout beside it.
PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE, PACKAGE.parent)
FOLDERS = tuple(place / "sweeps" for place in PLACES)


def packaged_files() -> list[str]:
    """Names of the sweep files that come with the package."""
    return sorted({f.name for folder in FOLDERS for f in folder.glob("*.yaml")})


def find_sweep_file(path: Path) -> Path:
    """The file itself; where there is none, the one of that name that comes with the package.

    Raises:
        UserError: there is neither.
    """
    if path.exists():
        return path
    for folder in FOLDERS:
        packaged = folder / path.name
        if packaged.is_file():
            return packaged
    raise UserError(
        f"{path}: there is no such file; write one, or use one of those that come with "
        f"cvae-sweep: {', '.join(f'sweeps/{name}' for name in packaged_files())}"
    )


def constrained_versions() -> dict[str, str]:
    """Versions that this project is tested with, by distribution; empty where the file is gone."""
    for place in PLACES:
        file = place / "constraints.txt"
        if file.is_file():
            lines = (line.split("#")[0].strip() for line in file.read_text().splitlines())
            pairs = (line.split("==") for line in lines if "==" in line)
            return {name.strip(): version.strip() for name, version in pairs}
    return {}
