"""``cvae-sweep report``."""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.cli.options import PlacePath, storage_option, sweep_name_argument
from orchestration.directory import checked
from orchestration.storage import existing_storage


@click.command(name="report")
@sweep_name_argument()
@click.option("--to", type=PlacePath(), help="File.  [default: NAME.html]")
@click.option("--open", "open_it", is_flag=True, help="Show it in a browser.")
@storage_option
def command(name: str, to: Path | None, open_it: bool, storage: Path | None) -> None:
    """Write what came of sweep NAME into one HTML file that can be mailed."""
    from orchestration import store
    from orchestration.ledger.folders import sweep_folder
    from orchestration.ledger.ledger import Ledger
    from orchestration.report.report_file import report_of
    from orchestration.terminal.console import Console

    ledger = Ledger.open(sweep_folder(name, existing_storage(storage)))
    file = to or checked(Path(f"{ledger.sweep.name}.html"))
    content = report_of(ledger).encode()
    store.write_bytes(file, content)
    Console().line(f"report: {file.resolve()} ({len(content) / 1e6:.1f} MB)")
    if open_it:
        click.launch(str(file.resolve()))
