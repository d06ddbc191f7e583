"""``cvae-sweep evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cvae_core.evaluation.parts import PARTS
from orchestration.cli.options import run_options, sweep_name_argument, trials_option
from orchestration.errors import UserError
from orchestration.storage import existing_storage


def _parts(context: click.Context, option: click.Parameter, value: str | None) -> tuple[str, ...]:
    parts = tuple(dict.fromkeys(part.strip() for part in (value or "").split(",") if part.strip()))
    for part in parts:
        if part not in PARTS:
            raise UserError(f"--only: there is no part {part!r}; there are: {', '.join(PARTS)}")
    if value is not None and not parts:
        raise UserError(f"--only: names no part; there are: {', '.join(PARTS)}")
    return parts


@click.command(name="evaluate")
@sweep_name_argument()
@trials_option
@click.option(
    "--only",
    metavar="PART,…",
    callback=_parts,
    help=f"Only these parts, also where the sweep file has them off: {', '.join(PARTS)}.",
)
@click.option(
    "--every-checkpoint",
    is_flag=True,
    help="On validation, for every checkpoint that was kept: convergence over epochs.",
)
@run_options
def command(  # a parameter for each option
    name: str,
    trials: tuple[str, ...],
    only: tuple[str, ...],
    every_checkpoint: bool,
    storage: Path | None,
    quiet: bool,
    **flags: Any,
) -> int:
    """Add the evaluations that the trained trials of sweep NAME are missing; train nothing.

    What failed, or could not be had, is tried again. What is there is not done again.
    """
    from orchestration.cli.running import carry_out
    from orchestration.plan.evaluation_tasks import Wish
    from orchestration.run.request import Flags
    from orchestration.run.resume import stored_request

    request = stored_request(
        name,
        existing_storage(storage),
        Flags(**flags),
        wish=Wish(only, trials, every_checkpoint),
    )
    return carry_out(request, quiet=quiet)
