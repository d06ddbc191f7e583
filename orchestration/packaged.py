"""The sweep files that come with the package."""

from __future__ import annotations

from pathlib import Path

from orchestration.errors import UserError

# In an installed package they lie inside it, in a checkout beside it.
FOLDERS = (Path(__file__).parent / "sweeps", Path(__file__).parent.parent / "sweeps")


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
