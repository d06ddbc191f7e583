"""``cvae-sweep completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "cvae-sweep"
VARIABLE = "_CVAE_SWEEP_COMPLETE"  # where click's entry point looks for a shell's question


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a script for SHELL that completes commands, options, sweeps and sweep files.

    \b
    bash, in ~/.bashrc:  eval "$(cvae-sweep completion bash)"
    zsh, in ~/.zshrc:    eval "$(cvae-sweep completion zsh)"
    fish:  cvae-sweep completion fish > ~/.config/fish/completions/cvae-sweep.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows all of these
    click.echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source(), nl=False)
