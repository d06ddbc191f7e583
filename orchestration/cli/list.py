"""``cvae-sweep list``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from orchestration.cli.options import json_option, storage_option
from orchestration.commands import EXAMPLE, command_line
from orchestration.storage import storage_folder


@click.command(name="list")
@storage_option
@json_option
def command(storage: Path | None, as_json: bool) -> None:
    """List all sweeps of the storage folder, the latest change first."""
    from orchestration.status.sweeps import list_document
    from orchestration.status.sweeps_view import error_lines, list_table
    from orchestration.terminal.console import Console

    document = list_document(storage_folder(storage))
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    console = Console()
    if not document["sweeps"]:
        console.line(f"no sweeps in {document['storage']}; run one, such as")
        console.line(f"  {command_line('run', EXAMPLE)}")
        return
    console.table(list_table(document, time.time()))
    for line in error_lines(document):
        console.line(line)
