"""``cvae-sweep status``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestration.cli.options import json_option, storage_option, sweep_name_argument
from orchestration.commands import EXAMPLE, command_line
from orchestration.errors import UserError
from orchestration.ledger.paths import sweep_names
from orchestration.storage import existing_storage, storage_folder


@click.command(name="status")
@sweep_name_argument(required=False)
@storage_option
@json_option
def command(name: str | None, storage: Path | None, as_json: bool) -> None:
    """Show the state of sweep NAME, also while it runs; without NAME, of the only one there is."""
    from orchestration.ledger.folders import sweep_folder
    from orchestration.ledger.ledger import Ledger
    from orchestration.status.nodes import node_lines
    from orchestration.status.status import configs_in, status_document
    from orchestration.status.view import (
        absent_lines,
        failure_lines,
        left_lines,
        next_lines,
        rename_lines,
        status_table,
        warning_lines,
    )
    from orchestration.study.view import study_lines
    from orchestration.terminal.console import Console

    if name is None:
        names = sweep_names(storage_folder(storage))
        if len(names) != 1:
            listed = ", ".join(names)
            raise UserError(
                f"which sweep? In {storage_folder(storage)} there are: {listed}"
                if names
                else f"there is no sweep in {storage_folder(storage)} yet; run one, such as "
                f"{command_line('run', EXAMPLE)}"
            )
        name = names[0]
    folder = sweep_folder(name, existing_storage(storage))
    ledger = Ledger.open(folder)
    configs = configs_in(ledger)
    document = status_document(ledger, configs=configs)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    console = Console()
    console.table(status_table(document, configs))
    for line in (
        *failure_lines(document, folder),
        *absent_lines(document),
        *warning_lines(document),
        *study_lines(document),
        *node_lines(document),
        *left_lines(document["left_the_plan"]),
        *(rename_lines(document, folder) or next_lines(document, folder)),
    ):
        console.line(line)
