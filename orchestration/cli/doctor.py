"""``cvae-sweep doctor``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestration.cli.options import (
    PlacePath,
    json_option,
    set_option,
    ship_code_option,
    storage_option,
    sweep_file_argument,
    tracking_uri_option,
)
from orchestration.cli.sweep_file import sweep_file
from orchestration.doctor.cluster import check_cluster
from orchestration.doctor.report import document, examine
from orchestration.doctor.subject import Subject
from orchestration.doctor.view import findings_table, summary
from orchestration.errors import UserError
from orchestration.spec.reading import load_spec
from orchestration.storage import storage_folder
from orchestration.terminal.console import Console


@click.command(name="doctor")
@sweep_file_argument(required=False)
@set_option
@click.option("--data-root", type=PlacePath(), help="Folder of the data sets.")
@tracking_uri_option
@click.option("--max-concurrent", type=click.IntRange(min=1), help="Most trials that run at once.")
@click.option(
    "--address",
    metavar="ADDRESS",
    help="Check the nodes of the Ray cluster there (host:port, or auto) instead of this machine.",
)
@ship_code_option
@storage_option
@json_option
def command(  # a parameter for each option
    file: Path | None,
    overrides: tuple[str, ...],
    data_root: Path | None,
    tracking_uri: str | None,
    max_concurrent: int | None,
    address: str | None,
    ship_code: bool | None,
    storage: Path | None,
    as_json: bool,
) -> int:
    """Check this machine, or a cluster's nodes, for what a sweep needs: the one in FILE, if given.

    Changes nothing. Exit code 1 where there is a problem; warnings alone leave it 0.
    """
    if file is None and overrides:
        raise UserError("--set changes a sweep file; name the file as well")
    subject = Subject(
        storage=storage_folder(storage),
        data_root=data_root,
        tracking_uri=tracking_uri,
        max_concurrent=max_concurrent,
        spec=None if file is None else load_spec(sweep_file(file), overrides),
    )
    if address is None:
        findings = examine(subject)
    else:
        findings = check_cluster(subject, address, ship_code=bool(ship_code))
    report = document(findings)
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        console = Console()
        console.table(findings_table(findings))
        console.line(summary(report))
    return 1 if report["problems"] else 0
