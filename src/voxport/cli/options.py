"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from voxport.cli.audio_output import NAMES
from voxport.cli.voice_names import complete_voice


def complete_provider(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in ("local", "elevenlabs", "minimax", "auto") if name.startswith(incomplete)]


provider_option = click.option(
    "--provider",
    metavar="NAME",
    shell_complete=complete_provider,
    help="local, elevenlabs, minimax, or auto for the first that can. Default: the gateway's.",
)
voice_option = click.option(
    "--voice",
    "-v",
    "voice_name",
    metavar="VOICE",
    envvar="VOXPORT_VOICE",
    shell_complete=complete_voice,
    help="Name or id of a voice (`voxport voices`). Default: VOXPORT_VOICE, or your only own voice.",
)
language_option = click.option(
    "--language", metavar="CODE", help="Of the text, such as en-us or es. Default: the voice's own."
)
speed_option = click.option("--speed", type=click.FloatRange(0.5, 2), help="2 is twice as fast.")
format_option = click.option(
    "--format", "output_format", type=click.Choice(NAMES), help="Default: what the name of the file says, or mp3."
)
file_option = click.option(
    "--file",
    "text_file",
    type=click.Path(path_type=Path),
    help="A UTF-8 text file in place of TEXT.",
)
idempotency_option = click.option(
    "--idempotency-key",
    metavar="KEY",
    help="Of an earlier try whose answer was lost: the same call with it is charged once.",
)
ssml_option = click.option("--ssml", "is_ssml", is_flag=True, help="The text has SSML tags.")
pronunciations_option = click.option(
    "--pronunciations",
    metavar="DICTIONARY",
    multiple=True,
    help="Id of a dictionary (`voxport pronunciations`); several go first to last. Default: the voice's own.",
)


def reading_options(is_ssml: bool, pronunciations: tuple[str, ...]) -> dict[str, Any]:
    """Return the arguments of the client's calls that say how a text is read."""
    return {"markup": "ssml" if is_ssml else None, "pronunciations": list(pronunciations) or None}
