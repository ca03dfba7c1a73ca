"""`voxport voices`."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import click

from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.groups import ListGroup
from voxport.cli.output import is_json, note, print_json, print_table, printable, warn
from voxport.cli.voice_names import complete_voice, find_voice, note_taken, remember

if TYPE_CHECKING:
    from voxport_client import ProviderName


@click.group(cls=ListGroup, short_help="List the voices that you can speak with, mix new ones, and delete yours.")
def voices() -> None:
    """List the voices that you can speak with, mix new ones, and delete yours.

    Without a command, list them: `voxport voices list --help` has the options.

    \b
    Examples:
      voxport voices
      voxport voices --mine
      voxport voices --language es --json | jq -r '.voices[].name'
      voxport voices mix Narrator --part af_heart=0.6 --part bm_george=0.4
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


@voices.command("mix", short_help="Mix a new voice of several, free.")
@click.argument("name")
@click.option(
    "--part",
    "parts",
    metavar="VOICE=WEIGHT",
    multiple=True,
    required=True,
    help="A voice, by name or id, and how much of it is heard beside the others. Once for each voice.",
)
@click.option("--pitch", type=click.FloatRange(-6, 6), help="Semitones above the mean of the voices' pitches.")
@click.option("--rate", type=click.FloatRange(0.5, 2), help="A factor on the voices' own rate.")
@click.option("--tone", type=click.FloatRange(-1, 1), help="-1 is the darkest, 1 the brightest.")
@click.option("--language", metavar="CODE", help="Of the new voice. Default: that of the heaviest part.")
@click.option("--description", metavar="TEXT", help="A note on the voice.")
@gateway_options
def mix_voices(
    name: str,
    parts: tuple[str, ...],
    pitch: float | None,
    rate: float | None,
    tone: float | None,
    language: str | None,
    description: str | None,
    choice: Choice,
) -> None:
    """Mix a voice NAME of one to eight others: stock voices of the local provider, and your own that are there. It is
    a voice of its own, and costs nothing to make.

    \b
    Examples:
      voxport voices mix Narrator --part af_heart=0.6 --part bm_george=0.4
      voxport voices mix "Deep Ana" --part Ana=1 --pitch -2 --rate 0.95 --tone -0.3
    """
    weights = [_part(part) for part in parts]
    with connect(choice) as connection:
        client = connection.client
        found = client.voices.overview()
        named: dict[str, float] = {}
        for voice_name, weight in weights:
            voice_id = find_voice(voice_name, found).voice_id
            if voice_id in named:
                raise CommandError(f"The voice {voice_name} is in the mix twice.", ExitCode.USAGE, "Add its weights.")
            named[voice_id] = weight
        note_taken(name, found.voices)
        voice = client.voices.mix(
            name, named, pitch=pitch, rate=rate, tone=tone, language=language, description=description
        )
    if is_json():
        print_json(voice)
        return
    note(f'{voice.name} is voice {voice.voice_id}. Hear it: voxport say "Hello." --voice {voice.voice_id}')


def _part(text: str) -> tuple[str, float]:
    """Parse VOICE=WEIGHT. Raises CommandError."""
    name, separator, weight = text.rpartition("=")
    try:
        value = float(weight)
    except ValueError:
        value = 0.0
    if not separator or not name or not 0 < value < math.inf:
        raise CommandError(
            f"{text!r} is no part of a mix.", ExitCode.USAGE, "Write VOICE=WEIGHT, such as --part af_heart=0.6."
        )
    return name, value


@voices.command("delete", short_help="Delete a voice of your own, with its recording.")
@click.argument("voice_name", metavar="VOICE", shell_complete=complete_voice)
@click.option("--yes", "is_sure", is_flag=True, help="Don't ask. Scripts need it.")
@click.option("--with-mixes", is_flag=True, help="Delete the mixes that the clone is in too.")
@gateway_options
def delete_voice(voice_name: str, is_sure: bool, with_mixes: bool, choice: Choice) -> None:
    """Delete VOICE, an id or a name of your own, with its recording, at its providers too. It can't be undone. A clone
    that can be heard in a mix is deleted only `--with-mixes`.

    \b
    Examples:
      voxport voices delete Ana
      voxport voices delete x8ew8rv0ewsdnbekmc6i --yes
      voxport voices delete Ana --with-mixes
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
        deleted = client.voices.delete(voice.voice_id, with_mixes=with_mixes)
    if is_json():
        print_json(deleted)
        return
    warn(deleted.left)
    note(f"{voice.name} is deleted.")
