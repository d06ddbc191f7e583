"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from orchestration.cli.complete import complete_sweep_file, complete_sweep_name
from orchestration.directory import checked


class PlacePath(click.Path):
    """A path that can be found: not one relative to a working directory that was deleted."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return checked(Path(os.fsdecode(super().convert(value, param, ctx))))


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
    help="Override a setting, such as --set epochs=3 or --set resources.cpu=2. A list becomes "
    "the setting's grid: --set 'beta=[1e-3,1e-5]'.",
)
ship_code_option = click.option(
    "--ship-code/--no-ship-code",
    default=None,
    help="Send this program's own code to the nodes of the cluster, which then need only what it "
    "depends on.  [default: no-ship-code]",
)
trials_option = click.option(
    "--trial",
    "trials",
    metavar="KEY",
    multiple=True,
    help="Only this trial, by its key or the beginning of it; repeatable.",
)


def sweep_file_argument(*, required: bool = True) -> Callable[..., Any]:
    """One sweep file."""
    kind = PlacePath()
    return click.argument("file", required=required, type=kind, shell_complete=complete_sweep_file)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of every command that trains."""
    for option in reversed(
        (
            click.option(
                "--address",
                metavar="HOST:PORT",
                help="Ray cluster to run on, or auto; else a local Ray.",
            ),
            click.option(
                "--data-root",
                type=PlacePath(),
                help="Folder of the data sets, in torchvision's layout.  "
                "[default: ~/.cache/cvae-sweep/data; for folder: the working directory]",
            ),
            tracking_uri_option,
            click.option(
                "--max-concurrent",
                type=click.IntRange(min=1),
                help="Run at most so many trials at once.  "
                "[default: as many as CPUs and GPUs allow]",
            ),
            click.option(
                "--reuse/--no-reuse",
                default=None,
                help="Take over trials that other sweeps of the storage folder have finished.  "
                "[default: reuse]",
            ),
            ship_code_option,
            click.option("-q", "--quiet", is_flag=True, help="Print only the results, at the end."),
            storage_option,
        )
    ):
        command = option(command)
    return command


def sweep_name_argument(*, required: bool = True) -> Callable[..., Any]:
    """The name of a sweep in the storage folder."""
    return click.argument("name", required=required, shell_complete=complete_sweep_name)


sweep_names_argument = click.argument(
    "names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_sweep_name
)
"""One or several of them."""
