"""``cvae-sweep run``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import run_options, set_option, sweep_file_argument
from orchestration.cli.sweep_file import sweep_file
from orchestration.storage import storage_folder


@click.command(name="run")
@sweep_file_argument()
@set_option
@run_options
def command(
    file: Path, overrides: tuple[str, ...], storage: Path | None, quiet: bool, **flags: Any
) -> int:
    """Run the sweep in FILE, or continue it: what is finished is not done again."""
    from orchestration.cli.running import carry_out
    from orchestration.commands import own_command
    from orchestration.run.request import Flags, Request
    from orchestration.run.resume import noted_spec
    from orchestration.spec.reading import load_spec

    request = Request(
        spec=noted_spec() or load_spec(sweep_file(file), overrides),
        storage=storage_folder(storage),
        command=own_command(),
        flags=Flags(**flags),
    )
    return carry_out(request, quiet=quiet)
