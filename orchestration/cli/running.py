"""What ``run``, ``resume`` and ``retry`` share."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import click

from orchestration.caches import find_places
from orchestration.errors import INTERRUPTED
from orchestration.run.request import Request
from orchestration.run.runner import run_sweep
from orchestration.signals import ended_by_signals
from orchestration.terminal import streams
from orchestration.terminal.console import Console
from orchestration.terminal.printable import printable


def carry_out(request: Request, *, quiet: bool) -> int:
    """Run or continue a sweep; the exit code."""
    try:
        with ended_by_signals() as received:
            console = Console(quiet=quiet)
            moved = find_places()
            if moved is not None:
                console.warning(moved)
            return run_sweep(request, console, received)
    except (KeyboardInterrupt, SystemExit):
        # Before the first trial, or after the last; SIGTERM while Ray has its own handler.
        with suppress(*streams.GONE):
            click.echo(f"interrupted; nothing is lost. To continue:\n{printable(request.command)}")
        if "ray" in sys.modules:
            # Cut off in its start, it may abort the interpreter when that ends.
            streams.flush()
            os._exit(INTERRUPTED)
        return INTERRUPTED
