"""``cvae-sweep resume``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import run_options, sweep_name_argument
from orchestration.storage import existing_storage


@click.command(name="resume")
@sweep_name_argument()
@run_options
def command(name: str, storage: Path | None, quiet: bool, **flags: Any) -> int:
    """Continue sweep NAME with the plan and the flags that it was last started with.

    A flag that is given here wins over the stored one. Failed trials stay failed; see retry.
    """
    from orchestration.cli.running import carry_out
    from orchestration.run.request import Flags
    from orchestration.run.resume import stored_request

    request = stored_request(name, existing_storage(storage), Flags(**flags))
    return carry_out(request, quiet=quiet)
