"""Which file a command is given, said where it is not the one that was typed."""

from __future__ import annotations

from pathlib import Path

import click

from orchestration.spec.packaged import find_sweep_file
from orchestration.terminal.printable import printable


def sweep_file(path: Path) -> Path:
    """The sweep file that is meant; a line tells where it is one that comes with the package.

    Raises:
        UserError: there is none.
    """
    found = find_sweep_file(path)
    if found != path:  # on standard error, as the output may be one JSON document
        there = f"{path}: is not here; taken is the file that comes with cvae-sweep, {found}"
        click.echo(printable(there), err=True)
    return found
