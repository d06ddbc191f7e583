"""``cvae-sweep validate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from orchestration.cli.complete import complete_sweep_file
from orchestration.cli.options import PlacePath, json_option
from orchestration.cli.sweep_file import sweep_file
from orchestration.errors import UserError
from orchestration.terminal.printable import printable, printable_lines


@click.command(name="validate")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=PlacePath(),
    shell_complete=complete_sweep_file,
)
@json_option
def command(files: tuple[Path, ...], as_json: bool) -> int:
    """Check FILES: every error of every file, with its line and what to write instead."""
    reports = {str(file): _check(file) for file in files}
    if as_json:
        document = [{"file": file, **report} for file, report in reports.items()]
        click.echo(json.dumps({"files": document}, indent=2, ensure_ascii=False))
    else:
        for file, report in reports.items():
            for line in report["errors"]:
                click.echo(printable_lines(f"error: {line}"), err=True)
            if not report["errors"]:
                click.echo(f"{printable(file)}: fine, {report['plan']}")
    return 2 if any(report["errors"] for report in reports.values()) else 0


def _check(file: Path) -> dict[str, Any]:
    from orchestration.plan.plan import make_plan
    from orchestration.plan.view import plan_words
    from orchestration.spec.reading import load_spec

    try:
        plan = make_plan(load_spec(sweep_file(file)))
    except UserError as error:
        return {"errors": list(error.lines), "trials": None, "studies": None, "plan": None}
    studies = len(plan.studies)
    return {"errors": [], "trials": plan.size, "studies": studies, "plan": plan_words(plan)}
