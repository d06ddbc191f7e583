"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

storage_option = click.option(
    "--storage",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of all sweeps.  [default: $CVAE_SWEEP_STORAGE, else ./runs]",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a setting, such as --set epochs=3 or --set checkpoints.keep=2. A list becomes "
    "the setting's grid: --set beta=[1e-3,1e-5].",
)


def sweep_file_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """One sweep file."""
    return click.argument("file", type=click.Path(path_type=Path))(command)
