"""``cvae-sweep stop``."""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.cli.options import storage_option, sweep_name_argument
from orchestration.storage import storage_folder


@click.command(name="stop")
@sweep_name_argument()
@storage_option
def command(name: str, storage: Path | None) -> None:
    """End the command that works on sweep NAME, from another terminal.

    Epochs under way end and are kept, for at most 30 seconds, as after a first Ctrl-C.
    """
    from orchestration.console import Console
    from orchestration.status import sweep_folder
    from orchestration.stopping import stop_sweep

    stop_sweep(sweep_folder(name, storage_folder(storage), begun=False), Console())
