"""`voxport instant`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from voxport.cli.audio_output import NO_PLAYER, Playback, find_player, parse_target, unused_path, write_stdout
from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.consent import ask_consent, consent_options
from voxport.cli.options import file_option, idempotency_option, provider_option, speed_option
from voxport.cli.output import is_json, note, print_json, tokens, warn
from voxport.cli.recordings import require_recording, upload
from voxport.cli.texts import read_text

if TYPE_CHECKING:
    from voxport_client import InstantSpeech, ProviderChoice


@click.command(short_help="Speak one text in the voice of a recording; keep no voice.")
@click.argument("recording")
@click.argument("text", required=False)
@click.option("-o", "--output", metavar="FILE", help="A .wav file; `-` is standard output.")
@file_option
@speed_option
@provider_option
@consent_options
@idempotency_option
@gateway_options
def instant(
    recording: str,
    text: str | None,
    output: str | None,
    text_file: Path | None,
    speed: float | None,
    provider: ProviderChoice | None,
    is_granted: bool,
    speaker: str | None,
    idempotency_key: str | None,
    choice: Choice,
) -> None:
    """Speak one TEXT in the voice of RECORDING, and keep no voice.

    For one or two short texts it is cheaper than `voxport clone`; from the third on a clone is, and it is closer to the
    speaker. Without -o it is played. A recording that can't be used costs nothing. Prints the name of the file.

    \b
    Examples:
      voxport instant me.wav "Only this once." -o once.wav
      voxport instant me.mp4 "Only this once." --yes-i-may        # in a script
    """
    require_recording(recording)
    spoken = read_text(text, text_file)
    consent = ask_consent(is_granted, speaker)
    player = find_player() if output is None else None
    if output is None and player is None:
        output = str(unused_path(".wav"))
        note(NO_PLAYER.format(output))
    target = None if output is None else parse_target(output, None, allowed=("wav",))
    fallback = unused_path(".wav") if target is None else None
    with connect(choice) as connection:
        url = upload(connection, recording)
        speech = connection.client.instant(
            url,
            spoken,
            provider=provider,
            voice_settings=None if speed is None else {"speed": speed},
            consent=consent,
            idempotency_key=idempotency_key,
        )
        path: Path | None = None
        if target is None:
            assert player is not None
            assert fallback is not None
            path = Playback(player, fallback).play([speech.audio])
        elif target.path is None:
            write_stdout([speech.audio])
        else:
            path = speech.save(target.path)
        _report(speech, path)


def _report(speech: InstantSpeech, path: Path | None) -> None:
    warn(speech.warnings)
    note(f"It cost {tokens(speech.tokens)} tokens; {tokens(speech.balance)} are left.")
    if is_json():
        print_json(
            {
                "file": None if path is None else str(path),
                "provider": speech.provider,
                "tokens": speech.tokens,
                "balance": speech.balance,
                "request_id": speech.request_id,
                "warnings": speech.warnings,
            }
        )
    elif path is not None:
        click.echo(str(path))
