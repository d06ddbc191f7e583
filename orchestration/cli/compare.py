"""``cvae-sweep compare``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestration.cli.options import json_option, storage_option, sweep_name_argument
from orchestration.storage import storage_folder


@click.command(name="compare")
@sweep_name_argument()
@click.option(
    "--by",
    metavar="SETTING",
    help="What stands side by side: model, or any other setting of the grid.  [default: model]",
)
@storage_option
@json_option
def command(name: str, by: str | None, storage: Path | None, as_json: bool) -> None:
    """Set the trials of sweep NAME side by side; of searches their best at equal budgets."""
    from orchestration.compare.comparison import comparison_of, comparison_view
    from orchestration.ledger.folders import sweep_folder
    from orchestration.ledger.ledger import Ledger
    from orchestration.status.view import left_lines
    from orchestration.terminal.console import Console

    ledger = Ledger.open(sweep_folder(name, storage_folder(storage)))
    if as_json:
        click.echo(json.dumps(comparison_of(ledger, by), indent=2, ensure_ascii=False))
        return
    console = Console()
    left = len(ledger.trials) - len(ledger.planned())
    for part in (*comparison_view(ledger, by), *left_lines(left)):
        console.show(part)
