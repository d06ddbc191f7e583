"""What ``run``, ``resume`` and ``retry`` share."""

from __future__ import annotations

import shlex
import sys

import click

from orchestration.console import Console
from orchestration.interrupt import ended_by_signals
from orchestration.preparation import Request
from orchestration.programs import program
from orchestration.runner import run_sweep


def command_line() -> str:
    """The command line as a person would type it again."""
    return shlex.join([program("cvae-sweep"), *sys.argv[1:]])


def carry_out(request: Request, *, quiet: bool) -> int:
    """Run or continue a sweep; the exit code."""
    try:
        with ended_by_signals():
            return run_sweep(request, Console(quiet=quiet))
    except KeyboardInterrupt:  # before the first trial, or after the last
        click.echo(f"interrupted; nothing is lost. To continue:\n{request.command}")
        return 130
