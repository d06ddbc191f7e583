"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from orchestration.cli.complete import complete_sweep_file, complete_sweep_name

storage_option = click.option(
    "--storage",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of all sweeps.  [default: $CVAE_SWEEP_STORAGE, else ./runs]",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)
tracking_uri_option = click.option(
    "--tracking-uri", metavar="URI", help="MLflow's tracking URI; see mlflow.yaml."
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
    kind = click.Path(path_type=Path)
    return click.argument("file", type=kind, shell_complete=complete_sweep_file)(command)


def sweep_name_argument(*, required: bool = True) -> Callable[..., Any]:
    """The name of a sweep in the storage folder."""
    return click.argument("name", required=required, shell_complete=complete_sweep_name)
