"""``cvae-sweep study``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cvae_core.shell import shell_line
from orchestration.cli.options import json_option, storage_option, sweep_name_argument
from orchestration.commands import pip_install, program, sweep_command
from orchestration.errors import UserError
from orchestration.redact import without_credentials
from orchestration.storage import existing_storage


@click.command(name="study")
@sweep_name_argument()
@click.option(
    "--export",
    "url",
    metavar="URL",
    help="Write the studies into a storage of Optuna's, such as sqlite:///studies.db or the file "
    "studies.log. What this sweep wrote there before is replaced.",
)
@storage_option
@json_option
def command(name: str, url: str | None, storage: Path | None, as_json: bool) -> None:
    """Show the Optuna studies of sweep NAME, also while it runs, or export them."""
    from orchestration.ledger.folders import sweep_folder
    from orchestration.ledger.ledger import Ledger
    from orchestration.status.status import status_document
    from orchestration.study.view import study_table
    from orchestration.terminal.console import Console
    from orchestration.words import count

    ledger = Ledger.open(sweep_folder(name, existing_storage(storage)))
    status = status_document(ledger)
    document = {key: status[key] for key in ("name", "state", "studies")}
    if not document["studies"]:
        raise UserError(
            f"{name}: has no studies, because its sweep file has no section `search`; "
            f"its trials are shown by `{sweep_command('status', ledger.folder)}`"
        )
    if url is not None:
        from orchestration.study.export import as_optuna_reads, export_studies

        written_to = without_credentials(url) if "://" in url else url
        document["export"] = {
            "url": written_to,
            "studies": export_studies(url, ledger),
            "open": shell_line(program("optuna-dashboard"), as_optuna_reads(written_to)),
        }
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    console = Console()
    if url is None:
        console.table(study_table(document))
        return
    written = document["export"]
    for study, trials in written["studies"].items():
        console.line(f"{study}: {count(trials, 'trial')} written to {written['url']}")
    console.line(f"open with ({pip_install('optuna-dashboard')}): {written['open']}")
