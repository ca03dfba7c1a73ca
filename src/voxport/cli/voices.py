"""`voxport voices`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.output import is_json, note, print_json, print_table, warn
from voxport.cli.voice_names import remember

if TYPE_CHECKING:
    from voxport_client import ProviderName


@click.command(short_help="List the voices that you can speak with.")
@click.option("--mine", "only", flag_value="mine", help="Only your own voices.")
@click.option("--stock", "only", flag_value="stock", help="Only the providers' stock voices.")
@click.option("--provider", metavar="NAME", help="Only of local, elevenlabs or minimax.")
@click.option("--language", metavar="CODE", help="Only of this language, such as en-us.")
@gateway_options
def voices(only: str | None, provider: ProviderName | None, language: str | None, choice: Choice) -> None:
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
    if only != "stock" and not any(voice.cloned for voice in found.voices):
        note("None of your own yet: voxport clone me.wav --name Ana")
