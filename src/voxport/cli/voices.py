"""`voxport voices`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.groups import ListGroup
from voxport.cli.output import is_json, note, print_json, print_table, printable, warn
from voxport.cli.voice_names import complete_voice, find_voice, remember

if TYPE_CHECKING:
    from voxport_client import ProviderName


@click.group(cls=ListGroup, short_help="List the voices that you can speak with, and delete yours.")
def voices() -> None:
    """List the voices that you can speak with, and delete yours.

    Without a command, list them: `voxport voices list --help` has the options.

    \b
    Examples:
      voxport voices
      voxport voices --mine
      voxport voices --language es --json | jq -r '.voices[].name'
      voxport voices delete Ana
    """


@voices.command("list", short_help="List the voices that you can speak with.")
@click.option("--mine", "only", flag_value="mine", help="Only your own voices.")
@click.option("--stock", "only", flag_value="stock", help="Only the providers' stock voices.")
@click.option("--provider", metavar="NAME", help="Only of local, elevenlabs or minimax.")
@click.option("--language", metavar="CODE", help="Only of this language, such as en-us.")
@gateway_options
def list_voices(only: str | None, provider: ProviderName | None, language: str | None, choice: Choice) -> None:
    """List the voices that you can speak with: your own first.

    \b
    Examples:
      voxport voices --mine
      voxport voices --language es --json | jq -r '.voices[].name'
    """
    with connect(choice) as connection:
        cloned = None if only is None else only == "mine"
        found = connection.client.voices.overview(provider=provider, language=language, cloned=cloned)
    if only is None and provider is None and language is None:
        remember(found.voices)
    if is_json():
        print_json({"voices": found.voices, "warnings": found.warnings})
        return
    warn(found.warnings)
    ordered = sorted(found.voices, key=lambda voice: (not voice.cloned, voice.provider, voice.name.casefold()))
    print_table(
        ("NAME", "VOICE", "LANGUAGE", "PROVIDER", "YOURS"),
        [
            (" ".join(one.name.split()), one.voice_id, one.language, one.provider, "yes" if one.cloned else "")
            for one in ordered
        ],
    )
    is_filtered = only == "stock" or provider is not None or language is not None
    if not is_filtered and not any(voice.cloned for voice in found.voices):
        note("None of your own yet: voxport clone me.wav --name Ana")


@voices.command("delete", short_help="Delete a voice of your own, with its recording.")
@click.argument("voice_name", metavar="VOICE", shell_complete=complete_voice)
@click.option("--yes", "is_sure", is_flag=True, help="Don't ask. Scripts need it.")
@gateway_options
def delete_voice(voice_name: str, is_sure: bool, choice: Choice) -> None:
    """Delete VOICE, an id or a name of your own, with its recording, at its providers too. It can't be undone.

    \b
    Examples:
      voxport voices delete Ana
      voxport voices delete x8ew8rv0ewsdnbekmc6i --yes
    """
    with connect(choice) as connection:
        client = connection.client
        voice = find_voice(voice_name, client.voices.overview(cloned=True))
        if not is_sure:
            if not sys.stdin.isatty():
                raise CommandError(
                    f"Nobody can be asked here whether {voice.name} is to be deleted.", ExitCode.USAGE, "Add --yes."
                )
            click.confirm(printable(f"Delete {voice.name} ({voice.voice_id}) for good?"), abort=True, err=True)
        deleted = client.voices.delete(voice.voice_id)
    if is_json():
        print_json(deleted)
        return
    warn(deleted.left)
    note(f"{voice.name} is deleted.")
