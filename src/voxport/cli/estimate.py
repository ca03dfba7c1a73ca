"""`voxport estimate`."""

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
from voxport.cli.output import duration, is_json, print_json, printable, tokens, warn
from voxport.cli.texts import read_text
from voxport.cli.voice_names import find_voice

if TYPE_CHECKING:
    from voxport_client import ProviderChoice


@click.command(short_help="Say what a text would cost to speak.")
@click.argument("text", required=False)
@voice_option
@file_option
@ssml_option
@pronunciations_option
@language_option
@speed_option
@provider_option
@gateway_options
def estimate(
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
    """Say what TEXT would cost to speak: as a rule, and at most. Free.

    \b
    Examples:
      voxport estimate "Good morning." --voice Ana
      voxport estimate --file chapter1.txt --voice Ana --json
    """
    spoken = read_text(text, text_file)
    with connect(choice) as connection:
        client = connection.client
        voice = find_voice(voice_name, client.voices.overview())
        found = client.estimate(
            spoken,
            voice.voice_id,
            provider=provider,
            language=language,
            voice_settings=None if speed is None else {"speed": speed},
            as_job=True,
            **reading_options(is_ssml, pronunciations),
        )
        balance = client.billing.balance().balance
    if is_json():
        print_json({"voice_id": voice.voice_id, "characters": len(spoken), "estimate": found, "balance": balance})
        return
    warn(found.warnings)
    click.echo(
        f"{len(spoken):,} characters by {printable(voice.name)}: about {duration(found.units)} for "
        f"{tokens(found.tokens)} tokens, at most {tokens(found.held)}. You have {tokens(balance)}."
    )
