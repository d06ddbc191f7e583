"""``cvae-sweep retry``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from orchestration.cli.options import run_options, sweep_name_argument, trials_option
from orchestration.errors import UserError
from orchestration.storage import existing_storage


@click.command(name="retry")
@sweep_name_argument()
@click.option("--failed", is_flag=True, help="All that have failed; also without this flag.")
@trials_option
@run_options
def command(
    name: str,
    failed: bool,
    trials: tuple[str, ...],
    storage: Path | None,
    quiet: bool,
    **flags: Any,
) -> int:
    """Run the failed trials of sweep NAME again, from their last checkpoints, and what is left.

    Failed evaluations are done again as well.
    """
    from orchestration.cli.running import carry_out
    from orchestration.run.request import Flags
    from orchestration.run.resume import stored_request

    if failed and trials:
        raise UserError("--failed means all failed trials and --trial some; give one of the two")
    request = stored_request(
        name,
        existing_storage(storage),
        Flags(**flags),
        retry=trials,
    )
    return carry_out(request, quiet=quiet)
