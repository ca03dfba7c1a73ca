"""`voxport completion`."""

from __future__ import annotations

from typing import Final

import click
from click.shell_completion import get_completion_class

from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode

_VARIABLE: Final = "_VOXPORT_COMPLETE"


@click.command(short_help="Let a shell complete commands and names of voices.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands, options and names of voices.

    Names are those that the last command has seen: completing asks no gateway.

    \b
    Examples:
      voxport completion bash > ~/.local/share/bash-completion/completions/voxport
      voxport completion zsh > ~/.zfunc/_voxport          # fpath+=~/.zfunc before compinit
      voxport completion fish > ~/.config/fish/completions/voxport.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise CommandError(f"This version of click does not know {shell}.", ExitCode.OTHER)
    click.echo(kind(context.find_root().command, {}, "voxport", _VARIABLE).source())
