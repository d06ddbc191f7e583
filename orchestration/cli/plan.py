"""``cvae-sweep plan``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestration.cli.options import json_option, set_option, storage_option, sweep_file_argument
from orchestration.packaged import find_sweep_file
from orchestration.storage import storage_folder


@click.command(name="plan")
@sweep_file_argument
@set_option
@storage_option
@json_option
def command(file: Path, overrides: tuple[str, ...], storage: Path | None, as_json: bool) -> None:
    """List the trials that FILE means, with their keys and states; runs nothing."""
    from orchestration.console import Console
    from orchestration.plan import make_plan
    from orchestration.planview import plan_document, plan_table
    from orchestration.spec import load_spec

    spec = load_spec(find_sweep_file(file), overrides)
    document = plan_document(spec.name, make_plan(spec), storage_folder(storage))
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        Console().table(plan_table(document))
