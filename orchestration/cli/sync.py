"""``cvae-sweep sync``."""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.cli.options import storage_option, sweep_name_argument, tracking_uri_option
from orchestration.storage import existing_storage


@click.command(name="sync")
@sweep_name_argument()
@storage_option
@tracking_uri_option
def command(name: str, storage: Path | None, tracking_uri: str | None) -> int:
    """Bring MLflow's runs of sweep NAME to what its folder says; an empty MLflow gets them all.

    For when MLflow was down, lost its data, or is another one now: with --tracking-uri the
    commands that continue the sweep go there as well. Nothing is trained.
    """
    from orchestration.run.sync import sync_sweep
    from orchestration.signals import ended_by_signals
    from orchestration.terminal.console import Console

    with ended_by_signals():
        return sync_sweep(name, existing_storage(storage), tracking_uri, Console())
