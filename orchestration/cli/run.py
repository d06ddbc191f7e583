"""``cvae-sweep run``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from orchestration.cli.options import set_option, storage_option, sweep_file_argument
from orchestration.console import Console
from orchestration.interrupt import ended_by_signals
from orchestration.packaged import find_sweep_file
from orchestration.preparation import Request
from orchestration.programs import program
from orchestration.runner import run_sweep
from orchestration.spec import load_spec
from orchestration.status import storage_folder


@click.command(name="run")
@sweep_file_argument
@set_option
@click.option("--address", metavar="HOST:PORT", help="Ray cluster to run on; else a local Ray.")
@click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    help="Folder of the data sets, in torchvision's layout.  [default: a cache folder of yours]",
)
@click.option("--tracking-uri", metavar="URI", help="MLflow's tracking URI; see mlflow.yaml.")
@click.option("--max-concurrent", type=click.IntRange(min=1), help="Most trials that run at once.")
@click.option("-q", "--quiet", is_flag=True, help="Print the results alone, at the end.")
@storage_option
def command(
    file: Path,
    overrides: tuple[str, ...],
    address: str | None,
    data_root: Path | None,
    tracking_uri: str | None,
    max_concurrent: int | None,
    quiet: bool,
    storage: Path | None,
) -> int:
    """Run the sweep in FILE, or continue it: what is finished is not done again."""
    request = Request(
        spec=load_spec(find_sweep_file(file), overrides),
        storage=storage_folder(storage),
        command=shlex.join([program("cvae-sweep"), *sys.argv[1:]]),
        data_root=data_root,
        tracking_uri=tracking_uri,
        address=address,
        max_concurrent=max_concurrent,
    )
    try:
        with ended_by_signals():
            return run_sweep(request, Console(quiet=quiet))
    except KeyboardInterrupt:  # before the first trial, or after the last
        click.echo(f"interrupted; nothing is lost. To continue:\n{request.command}")
        return 130
