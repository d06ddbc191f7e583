"""``cvae-sweep export``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from orchestration.cli.options import PlacePath, storage_option, sweep_name_argument
from orchestration.storage import existing_storage


@click.command(name="export")
@sweep_name_argument()
@click.argument("key", required=False)
@click.option("--to", type=PlacePath(), help="Folder that is made.  [default: NAME-KEY]")
@click.option("--register", metavar="MODEL", help="A new version of MODEL in MLflow's registry.")
@storage_option
def command(
    name: str, key: str | None, to: Path | None, register: str | None, storage: Path | None
) -> None:
    """Write a trial's model of sweep NAME as an MLflow model; without KEY that of the best probe.

    mlflow.pyfunc gives latent means of images, mlflow.pytorch the model itself.
    """
    from orchestration.compare.loaded import load_sweep
    from orchestration.directory import checked
    from orchestration.run.export import export, key_of
    from orchestration.terminal.console import Console

    sweep = load_sweep(name, existing_storage(storage))
    chosen = key_of(sweep, key)
    console = Console()
    if register is not None and to is None:
        with tempfile.TemporaryDirectory(prefix="cvae-model-") as folder:
            export(sweep, chosen, Path(folder, "model"), register, console)
    else:
        export(sweep, chosen, to or checked(Path(f"{name}-{chosen}")), register, console)
