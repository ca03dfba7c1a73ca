"""`voxport preview`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.options import (
    file_option,
    language_option,
    pronunciations_option,
    provider_option,
    reading_options,
    speed_option,
    ssml_option,
    voice_option,
)
from voxport.cli.output import duration, is_json, note, print_json, printable, tokens, warn
from voxport.cli.texts import read_text
from voxport.cli.voice_names import find_voice

if TYPE_CHECKING:
    from voxport_client import ProviderChoice


@click.command(short_help="Show how a text will be read, in words and sounds.")
@click.argument("text", required=False)
@voice_option
@file_option
@ssml_option
@pronunciations_option
@language_option
@speed_option
@provider_option
@gateway_options
def preview(
    text: str | None,
    voice_name: str | None,
    text_file: Path | None,
    is_ssml: bool,
    pronunciations: tuple[str, ...],
    language: str | None,
    speed: float | None,
    provider: ProviderChoice | None,
    choice: Choice,
) -> None:
    """Show how TEXT will be read: numbers and abbreviations in words, and the sounds in IPA. Free.

    \b
    Examples:
      voxport preview "Dr. Ng paid $3.50 at 7:30." --voice Ana
      voxport preview --ssml --file chapter1.ssml --voice Ana --json
    """
    spoken = read_text(text, text_file)
    with connect(choice) as connection:
        client = connection.client
        voice = find_voice(voice_name, client.voices.overview())
        found = client.preview(
            spoken,
            voice.voice_id,
            provider=provider,
            language=language,
            voice_settings=None if speed is None else {"speed": speed},
            **reading_options(is_ssml, pronunciations),
        )
    if is_json():
        print_json(found)
        return
    warn(found.warnings)
    for sentence in found.sentences:
        click.echo(printable(sentence.spoken))
        if sentence.phonemes is not None:
            click.echo(f"  {printable(sentence.phonemes)}")
    estimate = found.estimate
    note(f"About {duration(estimate.units)} for {tokens(estimate.tokens)} tokens, at most {tokens(estimate.held)}.")
