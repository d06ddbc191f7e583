"""What ``run``, ``resume`` and ``retry`` share."""

from __future__ import annotations

import os
import shlex
import sys

import click

from orchestration.commands import program
from orchestration.redact import without_credentials
from orchestration.run.request import Request
from orchestration.run.runner import run_sweep
from orchestration.signals import ended_by_signals
from orchestration.terminal import streams
from orchestration.terminal.console import Console
from orchestration.terminal.printable import printable


def command_line() -> str:
    """The command line as a person would type it again, but without a password."""
    arguments = [without_credentials(a) if "://" in a else a for a in sys.argv[1:]]
    return shlex.join([program("cvae-sweep"), *arguments])


def carry_out(request: Request, *, quiet: bool) -> int:
    """Run or continue a sweep; the exit code."""
    try:
        with ended_by_signals() as received:
            return run_sweep(request, Console(quiet=quiet), received)
    except (KeyboardInterrupt, SystemExit):
        # Before the first trial, or after the last; SIGTERM while Ray has its own handler.
        click.echo(f"interrupted; nothing is lost. To continue:\n{printable(request.command)}")
        if "ray" in sys.modules:
            # Cut off in its start, it may abort the interpreter when that ends.
            streams.flush()
            os._exit(130)
        return 130
