"""``cvae-sweep compare``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestration.cli.options import json_option, storage_option, sweep_names_argument
from orchestration.errors import UserError
from orchestration.storage import existing_storage


@click.command(name="compare")
@sweep_names_argument
@click.option(
    "--by",
    metavar="SETTING",
    help="What stands side by side: model, or any other setting of the grid.  [default: model]",
)
@click.option(
    "--metric",
    "metrics",
    metavar="M",
    multiple=True,
    help="Judge by this metric, such as probe/accuracy; may be given several times.",
)
@click.option(
    "--equal-within",
    "equal_within",
    metavar="M=X",
    multiple=True,
    help="Differences of metric M below X count as none: --equal-within probe/accuracy=0.005.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print the pairs as CSV and nothing else.")
@click.option("--latex", "as_latex", is_flag=True, help="Print the pairs as a LaTeX table.")
@storage_option
@json_option
# One parameter for each option.
def command(
    names: tuple[str, ...],
    by: str | None,
    metrics: tuple[str, ...],
    equal_within: tuple[str, ...],
    as_csv: bool,
    as_latex: bool,
    storage: Path | None,
    as_json: bool,
) -> None:
    """Set the trials of sweeps side by side, and say which side is better, seed by seed."""
    from orchestration.compare.answers import Question, tolerances
    from orchestration.compare.answers_files import csv_text, latex_text
    from orchestration.compare.comparison import asked_of, comparison_of, comparison_view
    from orchestration.ledger.folders import sweep_folder
    from orchestration.ledger.ledger import Ledger
    from orchestration.status.view import left_lines
    from orchestration.terminal.console import Console

    forms = {"--json": as_json, "--csv": as_csv, "--latex": as_latex}
    given = [flag for flag, is_given in forms.items() if is_given]
    if len(given) > 1:
        raise UserError(f"{given[0]} and {given[1]} are two forms of the same; give one of them")
    where = existing_storage(storage)
    ledgers = [Ledger.open(sweep_folder(name, where)) for name in dict.fromkeys(names)]
    question = Question(by, metrics, tolerances(equal_within))
    if as_json:
        document = comparison_of(ledgers, question)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif as_csv or as_latex:
        write = csv_text if as_csv else latex_text
        answered = asked_of(ledgers, question)
        click.echo(write(answered), nl=False)
        for note in answered.left_out:
            click.echo(f"warning: {note}", err=True)
    else:
        console = Console()
        left = sum(len(ledger.trials) - len(ledger.planned()) for ledger in ledgers)
        for part in (*comparison_view(ledgers, question), *left_lines(left)):
            console.show(part)
