"""The command line's entry point. What a command needs is imported when it runs."""

from __future__ import annotations

import difflib
import errno
import gc
import importlib
import os
import sys
import traceback
from typing import Any

import click
from click.shell_completion import CompletionItem

from orchestration import __version__, garbage
from orchestration.caches import find_places
from orchestration.cli.inherited import begin_with_docstrings, for_children
from orchestration.directory import leave_useless
from orchestration.errors import INTERRUPTED, UserError
from orchestration.redact import without_secrets
from orchestration.terminal import streams
from orchestration.terminal.printable import printable_lines

COMMANDS = {
    "run": "Run or continue a sweep.",
    "resume": "Continue a sweep by its name, with its stored plan and flags.",
    "stop": "End a sweep's run gracefully, from another terminal.",
    "retry": "Run the failed trials of a sweep again.",
    "evaluate": "Add evaluations to the trained trials of a sweep.",
    "plan": "List the trials that a sweep file means; run nothing.",
    "validate": "Check sweep files: every error, with its line.",
    "status": "Show the state of a sweep's trials, also while it runs.",
    "study": "Show the Optuna studies of a sweep, or export them.",
    "list": "List all sweeps of the storage folder.",
    "compare": "Set the trials of a sweep, or its searches, side by side.",
    "report": "Write what came of a sweep into one HTML file to be mailed.",
    "export": "Write a trained model as an MLflow model, or register it.",
    "sync": "Bring MLflow to what the folder of a sweep says.",
    "ui": "Serve MLflow's pages of the sweeps.",
    "data": "Fetch or check a data set, or a folder of images of your own.",
    "doctor": "Check this machine for what a sweep needs.",
    "completion": "Print a script that completes commands and names in your shell.",
}

OF_A_PLACE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG),
    *(errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT),
)
"""Errors of the place that is named, which may not be looked into, or does not answer."""
AT_WORK = ("run", "resume", "retry", "evaluate", "stop", "sync", "ui")
"""Commands that are done where their work is, whether anybody reads of it or not."""


class _LazyGroup(click.Group):
    """Imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"orchestration.cli.{cmd_name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        commands = [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        close = difflib.get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and close:
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {close[0]!r}?", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        returned = super().invoke(ctx)
        if ctx.invoked_subcommand not in AT_WORK:
            _check_taken()
        return returned

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cvae-sweep")
def cli() -> None:
    """Sweeps that compare VAEs with contrastive VAEs: fast on CPUs, resumable, side by side."""
    find_places()


def main() -> None:
    """Run the command line; errors of the request end with exit code 2."""
    begin_with_docstrings()
    streams.take_over()
    leave_useless()
    os.environ |= for_children(os.environ)
    os.environ.pop("PYTHONOPTIMIZE", None)
    garbage.look_rarely()  # else 0.7 s of a start, and 2 s at the end
    try:
        carry_out()
    finally:
        streams.let_go()
        gc.freeze()


def carry_out() -> None:
    """Run the command line; it ends with ``SystemExit`` whatever happens."""
    try:
        returned: Any = cli(standalone_mode=False)
    except UserError as error:
        for line in error.lines:
            click.echo(printable_lines(f"error: {line}"), err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; run the same command again to continue", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno not in OF_A_PLACE or not isinstance(error.filename, str | bytes):
            sys.exit(_say(error))
        place = os.fsdecode(error.filename)
        click.echo(printable_lines(f"error: {place}: cannot be used ({error.strerror})"), err=True)
        sys.exit(2)
    except Exception as error:
        sys.exit(_say(error))
    sys.exit(returned if isinstance(returned, int) else 0)


def _say(error: Exception) -> int:
    """Tell of what nobody has foreseen, without anybody's password; the exit code."""
    from cvae_core.errors import ConfigError

    if isinstance(error, ConfigError):  # of files all are noted: it is a stored trial's
        said = f"error: a trial's settings cannot be read by cvae-sweep {__version__}: {error}\n"
        said += "a sweep that another version has written needs that version"
        click.echo(printable_lines(without_secrets(said)), err=True)
        return 2
    click.echo(printable_lines(without_secrets(traceback.format_exc())), err=True)
    return 1


def _check_taken() -> None:
    """Refuse to end well where all that a command is for could not be written."""
    refusal = streams.refusal()
    if refusal is not None and not isinstance(refusal, BrokenPipeError):
        reason = refusal.strerror or refusal
        raise UserError(f"standard output could not be written to ({reason})")
