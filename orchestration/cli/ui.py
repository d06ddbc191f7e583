"""``cvae-sweep ui``."""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.cli.options import storage_option, tracking_uri_option
from orchestration.storage import storage_folder


@click.command(name="ui")
@storage_option
@tracking_uri_option
@click.option("--host", help="Host to listen on.  [default: as in mlflow.yaml, else 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port to listen on.  [default: as in mlflow.yaml, else 5000]",
)
def command(
    storage: Path | None, tracking_uri: str | None, host: str | None, port: int | None
) -> int:
    """Serve MLflow's pages of the sweeps in the storage folder, until Ctrl-C."""
    from orchestration.terminal.console import Console
    from orchestration.tracking.ui import UiRequest, run_ui

    return run_ui(UiRequest(storage_folder(storage), tracking_uri, host, port), Console())
