"""``cvae-sweep stop``."""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.cli.options import storage_option, sweep_name_argument
from orchestration.storage import existing_storage


@click.command(name="stop")
@sweep_name_argument()
@storage_option
def command(name: str, storage: Path | None) -> None:
    """End the command that works on sweep NAME, from another terminal.

    Epochs under way end and are kept where that takes at most 30 seconds, as after a first Ctrl-C.
    """
    from orchestration.ledger.folders import sweep_folder
    from orchestration.run.stop import stop_sweep
    from orchestration.terminal.console import Console

    stop_sweep(sweep_folder(name, existing_storage(storage), begun=False), Console())
