"""`voxport say`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from voxport.cli.audio_output import (
    NO_PLAYER,
    AudioTarget,
    Playback,
    find_player,
    parse_target,
    require_writable,
    unused_path,
    write_stdout,
)
from voxport.cli.connection import Choice, GatewayConnection, connect, gateway_options
from voxport.cli.options import (
    file_option,
    format_option,
    idempotency_option,
    language_option,
    pronunciations_option,
    provider_option,
    reading_options,
    speed_option,
    ssml_option,
    voice_option,
)
from voxport.cli.output import duration, is_json, note, print_json, tokens, warn
from voxport.cli.texts import read_text
from voxport.cli.voice_names import find_voice
from voxport.cli.waiting import wait_for

if TYPE_CHECKING:
    from voxport_client import (
        OutputFormat,
        ProviderChoice,
        SpeechFile,
        SpeechTimestamp,
        SubtitleFormat,
        TimestampGranularity,
        VoiceList,
        VoiceSettings,
    )

_MAX_CHARACTERS: Final = 5000
"""Of a text that is spoken at once, where the gateway does not say."""

_QUICK_CHARACTERS: Final = 500
"""Longer texts take many seconds at the local engine, so a line says that they are under way."""

_SAMPLE_RATES: Final = ("8000", "16000", "22050", "24000", "44100", "48000")
_STREAMED: Final = ("mp3", "ogg", "wav", "aac", "ulaw", "alaw")


@dataclass(frozen=True)
class _Utterance:
    """`options` are those of the client's calls that speak."""

    text: str
    voice_id: str
    options: dict[str, Any]
    file_options: dict[str, Any]
    """Those of the calls that make a file."""
    is_long: bool
    can_stream: bool


@click.command(short_help="Speak a text, to your ears or to a file.")
@click.argument("text", required=False)
@voice_option
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="mp3, wav, ogg, flac, pcm, aac, ulaw or alaw by its name; `-` is standard output.",
)
@file_option
@format_option
@click.option("--sample-rate", type=click.Choice(_SAMPLE_RATES), help="In Hz. Default: 24000.")
@ssml_option
@pronunciations_option
@click.option(
    "--timestamps", type=click.Choice(["word", "sentence"]), help="When each is heard; with --json and -o FILE."
)
@click.option(
    "--subtitles",
    type=click.Choice(["srt", "vtt"]),
    multiple=True,
    help="Also write FILE.srt or FILE.vtt beside -o FILE; may be given twice.",
)
@language_option
@speed_option
@provider_option
@idempotency_option
@gateway_options
def say(
    text: str | None,
    voice_name: str | None,
    output: str | None,
    text_file: Path | None,
    output_format: OutputFormat | None,
    sample_rate: str | None,
    is_ssml: bool,
    pronunciations: tuple[str, ...],
    timestamps: TimestampGranularity | None,
    subtitles: tuple[SubtitleFormat, ...],
    language: str | None,
    speed: float | None,
    provider: ProviderChoice | None,
    idempotency_key: str | None,
    choice: Choice,
) -> None:
    """Speak TEXT, or a file, or with `-` what standard input holds.

    Without -o it is played while it is made, by ffplay, mpv, paplay, aplay or afplay; where there is none, it becomes a
    file. Texts of more than 5,000 characters, up to 100,000, become a job. Prints the name of the file.

    \b
    Examples:
      voxport say "Good morning." --voice Ana
      voxport say "Good morning." --voice Ana -o hi.mp3
      voxport say --file chapter1.txt --voice Ana -o chapter1.mp3
      voxport say --ssml --file chapter1.ssml -o chapter1.mp3 --subtitles srt
      fortune | voxport say - --voice Ana
      voxport say "Piped." --voice Ana -o - | ffplay -nodisp -autoexit -
    """
    if (timestamps or subtitles) and output in (None, "-"):
        raise click.UsageError("--timestamps and --subtitles are of a file: name it with -o FILE.")
    if timestamps and not is_json():
        raise click.UsageError("--timestamps are printed with --json.")
    spoken = read_text(text, text_file)
    player = find_player() if output is None and output_format is None else None
    notice = ""
    if output is None and player is None:
        output = str(unused_path(f".{output_format or 'mp3'}"))
        notice = f"The audio goes to {output}." if output_format else NO_PLAYER.format(output)
    target = None if output is None else parse_target(output, output_format)
    if target is not None and target.path is not None:
        for name in subtitles:
            require_writable(target.path.with_suffix(f".{name}"))
    fallback = unused_path(".wav") if target is None else None
    with connect(choice) as connection:
        found = connection.client.voices.overview()
        voice = find_voice(voice_name, found)
        settings: VoiceSettings | None = None if speed is None else {"speed": speed}
        options = {
            "provider": provider,
            "language": language,
            "voice_settings": settings,
            "idempotency_key": idempotency_key,
            **reading_options(is_ssml, pronunciations),
        }
        rate = None if sample_rate is None else int(sample_rate)
        file_options = {"sample_rate": rate, "timestamps": timestamps, "subtitles": subtitles or None}
        limit, can_stream = _abilities(found, provider or voice.provider)
        utterance = _Utterance(spoken, voice.voice_id, options, file_options, len(spoken) > limit, can_stream)
        if utterance.is_long:
            note_price(connection, utterance)
        if notice:
            note(notice)
        if target is not None:
            _write(connection, utterance, target)
        else:
            assert player is not None
            assert fallback is not None
            _play(connection, utterance, player, fallback)


def note_price(connection: GatewayConnection, utterance: _Utterance) -> None:
    known = {name: value for name, value in utterance.options.items() if name != "idempotency_key"}
    estimate = connection.client.estimate(utterance.text, utterance.voice_id, as_job=True, **known)
    note(
        f"{len(utterance.text):,} characters become a job: about {duration(estimate.units)} of speech for "
        f"{tokens(estimate.tokens)} tokens, at most {tokens(estimate.held)}."
    )


def _abilities(found: VoiceList, provider: str) -> tuple[int, bool]:
    """Return the most characters that are spoken at once, and whether they can be streamed."""
    for one in found.providers:
        if one.provider == provider:
            return one.max_text_length, one.supports_streaming
    return _MAX_CHARACTERS, True


def _write(connection: GatewayConnection, utterance: _Utterance, target: AudioTarget) -> None:
    client = connection.client
    if target.path is None and not utterance.is_long and utterance.can_stream and target.format in _STREAMED:
        with _stream(connection, utterance, target.format) as (chunks, report):
            write_stdout(chunks)
            report(None)
        return
    result, cost, balance, request_id = _speak(connection, utterance, target.format)
    if target.path is None:
        write_stdout([client.media.read(result.key)])
    else:
        client.media.save(result.key, target.path)
        _save_subtitles(connection, result, target.path)
    _report(
        target.path,
        result.voice_id,
        result.duration_seconds,
        cost,
        balance,
        request_id,
        result.warnings,
        result.timestamps,
    )


def _save_subtitles(connection: GatewayConnection, result: SpeechFile, path: Path) -> None:
    files = result.subtitles
    for name, file in (("srt", files.srt), ("vtt", files.vtt)) if files is not None else ():
        if file is not None:
            saved = connection.client.media.save(file.key, path.with_suffix(f".{name}"))
            note(f"The subtitles are in {saved}.")


def _speak(
    connection: GatewayConnection, utterance: _Utterance, audio_format: OutputFormat
) -> tuple[SpeechFile, Decimal, Decimal, str | None]:
    """Return the file in the gateway's storage, its cost and the balance in tokens, and the id of the request."""
    client = connection.client
    if not utterance.is_long:
        if len(utterance.text) > _QUICK_CHARACTERS:
            note(f"Speaking {len(utterance.text):,} characters …")
        options = {**utterance.options, **utterance.file_options}
        speech = client.speak(utterance.text, utterance.voice_id, output_format=audio_format, **options)
        return speech.file, speech.cost.tokens, speech.cost.balance, speech.request_id
    options = {**utterance.options, **utterance.file_options}
    pending = client.submit(utterance.text, utterance.voice_id, output_format=audio_format, **options)
    result = wait_for(connection, pending, "Speaking")
    return result, pending.get().token_cost, client.billing.balance().balance, None


def _play(connection: GatewayConnection, utterance: _Utterance, player: str, fallback: Path) -> None:
    playback = Playback(player, fallback)
    if not utterance.is_long and utterance.can_stream:
        with _stream(connection, utterance, "wav") as (chunks, report):
            kept = playback.play(chunks)
            report(kept)
        return
    result, cost, balance, request_id = _speak(connection, utterance, "wav")
    kept = playback.play([connection.client.media.read(result.key)])
    _report(kept, result.voice_id, result.duration_seconds, cost, balance, request_id, result.warnings)


@contextlib.contextmanager
def _stream(
    connection: GatewayConnection, utterance: _Utterance, audio_format: Any
) -> Iterator[tuple[Iterator[bytes], Callable[[Path | None], None]]]:
    """Yield the chunks of a stream, and a function that reports what it cost, with the file that holds it."""
    client = connection.client
    options = {**utterance.options, "sample_rate": utterance.file_options["sample_rate"]}
    with client.stream(utterance.text, utterance.voice_id, output_format=audio_format, **options) as stream:

        def report(kept: Path | None) -> None:
            cost = client.billing.request(stream.request_id) if stream.request_id else None
            balance = client.billing.balance().balance
            seconds = cost.units if cost is not None else None
            charged = cost.tokens if cost is not None else None
            _report(kept, stream.voice_id, seconds, charged, balance, stream.request_id, stream.warnings)

        yield iter(stream), report


def _report(
    path: Path | None,
    voice_id: str,
    seconds: float | None,
    cost: Decimal | None,
    balance: Decimal,
    request_id: str | None,
    warnings: list[str],
    timestamps: list[SpeechTimestamp] | None = None,
) -> None:
    warn(warnings)
    if seconds is not None and cost is not None:
        note(f"{duration(seconds)} of speech for {tokens(cost)} tokens; {tokens(balance)} are left.")
    if is_json():
        print_json(
            {
                "file": None if path is None else str(path),
                "voice_id": voice_id,
                "duration_seconds": seconds,
                "tokens": cost,
                "balance": balance,
                "request_id": request_id,
                "warnings": warnings,
                **({} if timestamps is None else {"timestamps": timestamps}),
            }
        )
    elif path is not None:
        click.echo(str(path))
