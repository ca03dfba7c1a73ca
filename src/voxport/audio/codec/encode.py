"""Defines the output formats and encodes samples to files. All audio here is mono, and comes at 24,000 Hz."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Literal, Protocol

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.encoder import FfmpegEncoder
from voxport.audio.codec.mp3 import Mp3Encoder, write_mp3
from voxport.audio.codec.wav import WavStream, wav_header, write_samples

MIN_SAMPLES = 480  # 20 ms, a frame of Opus; flac's encoder can't make a block of a handful of samples

MAX_HEADER_BYTES = 16_384  # maximum size of a file without its samples


SAMPLE_RATES: Final = (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)


class StreamEncoder(Protocol):
    """Encodes a stream in this process."""

    def encode(self, samples: Pcm) -> bytes: ...

    def finish(self) -> bytes: ...


@dataclass(frozen=True)
class AudioFormat:
    """A row of `FORMATS`, which holds all that Voxport knows about a format."""

    name: str
    extension: str
    """With the dot."""

    content_type: str
    bytes_per_second: int
    """Upper bound."""

    write: Callable[[Iterable[Pcm], BinaryIO], int] | None = None
    """Writes a file in this process and returns the number of samples; None if ffmpeg writes it."""

    open_stream: Callable[[], StreamEncoder] | None = None
    """Starts a stream in this process; None if ffmpeg does, or the format can't be streamed."""

    encoder_options: tuple[str, ...] = ()
    """Options for ffmpeg, which encodes what this process does not, such as another sample rate."""

    stream_options: tuple[str, ...] = ()
    """Additional options of ffmpeg for a stream, after the others."""

    relayed_as: Literal["pcm", "mp3"] | None = None
    """What a provider is asked for, so that its audio can be streamed as it is, after `stream_header`."""

    stream_header: bytes = b""

    sample_rate: int = SAMPLE_RATE
    """In Hz."""

    sample_rates: tuple[int, ...] = SAMPLE_RATES
    """Those that may be asked for."""

    @property
    def is_streamable(self) -> bool:
        return self.open_stream is not None or bool(self.stream_options)


_FLUSHED: Final = ("-flush_packets", "1")
_TELEPHONE_RATE: Final = 8_000

FORMATS: dict[str, AudioFormat] = {
    each.name: each
    for each in (
        AudioFormat(
            *("mp3", ".mp3", "audio/mpeg", 16_000),
            write=write_mp3,
            open_stream=Mp3Encoder,
            encoder_options=("-c:a", "libmp3lame", "-b:a", "128k", "-id3v2_version", "0", "-f", "mp3"),
            stream_options=("-write_xing", "0", *_FLUSHED),
            relayed_as="mp3",
        ),
        AudioFormat(
            *("wav", ".wav", "audio/wav", 2 * SAMPLE_RATE),
            write=write_samples,
            open_stream=WavStream,
            encoder_options=("-c:a", "pcm_s16le", "-f", "wav"),
            stream_options=_FLUSHED,
            relayed_as="pcm",
            stream_header=wav_header(None),
        ),
        AudioFormat(
            *("ogg", ".ogg", "audio/ogg", 16_000),
            encoder_options=("-c:a", "libopus", "-b:a", "48k", "-f", "ogg"),
            stream_options=("-page_duration", "100000", *_FLUSHED),  # µs: a page ten times a second
            sample_rates=(8_000, 16_000, 24_000, 48_000),  # those of Opus
        ),
        AudioFormat("flac", ".flac", "audio/flac", 50_000, encoder_options=("-c:a", "flac", "-f", "flac")),
        AudioFormat(
            *("pcm", ".pcm", f"audio/L16;rate={SAMPLE_RATE};channels=1", 2 * SAMPLE_RATE),
            write=partial(write_samples, header=lambda _: b""),
            encoder_options=("-c:a", "pcm_s16le", "-f", "s16le"),
        ),
        AudioFormat(
            *("aac", ".aac", "audio/aac", 12_000),
            encoder_options=("-c:a", "aac", "-b:a", "64k", "-f", "adts"),
            stream_options=_FLUSHED,
        ),
        # G.711 without a container, as telephone services take it: one byte a sample.
        *(
            AudioFormat(
                *(name, f".{name}", content_type, _TELEPHONE_RATE),
                encoder_options=("-c:a", codec, "-ar", str(_TELEPHONE_RATE), "-f", {"ulaw": "mulaw"}.get(name, name)),
                stream_options=_FLUSHED,
                sample_rate=_TELEPHONE_RATE,
                sample_rates=(_TELEPHONE_RATE,),
            )
            for name, content_type, codec in (
                ("ulaw", "audio/basic", "pcm_mulaw"),
                ("alaw", "audio/PCMA;rate=8000;channels=1", "pcm_alaw"),
            )
        ),
    )
}

STREAM_FORMATS = tuple(sorted(each.name for each in FORMATS.values() if each.is_streamable))


def format_at(name: str, sample_rate: int | None) -> AudioFormat:
    """Return the row of a format, at another sample rate if one is asked for. Raises KeyError for a format, ValueError
    for a rate, that there is not."""
    row = FORMATS[name]
    if sample_rate is None:
        return row
    if sample_rate not in row.sample_rates:
        raise ValueError(f"{name} has no sample rate {sample_rate}")
    if sample_rate == row.sample_rate:
        # A provider's mp3 has the rate that it likes.
        return replace(row, relayed_as=None if row.relayed_as == "mp3" else row.relayed_as)
    options = (*row.encoder_options, "-ar", str(sample_rate))
    if row.name in ("mp3", "aac") and sample_rate == _TELEPHONE_RATE:
        options = (*options, "-b:a", "32k")  # more, the encoders can't make of so few samples
    return replace(
        row,
        content_type=row.content_type.replace(f"rate={SAMPLE_RATE}", f"rate={sample_rate}"),
        bytes_per_second=max(row.bytes_per_second, 2 * sample_rate + 4_000),
        sample_rate=sample_rate,
        encoder_options=options,
        write=None,
        open_stream=None,
        relayed_as=None,
        stream_header=b"",
    )


def encode_file(pieces: Iterable[Pcm], fmt: str, path: Path, *, ffmpeg: Path, sample_rate: int | None = None) -> int:
    """Writes the samples, as they come, to a complete file in one of `FORMATS`, at a sample rate of the format. Returns
    the number of samples that came.

    Exceptions of `pieces` propagate and leave the file unusable. Raises KeyError for another format, ValueError for
    another rate or less than 20 ms, RuntimeError if ffmpeg fails.
    """
    audio_format, counting = format_at(fmt, sample_rate), _CountingIterator(pieces)
    if audio_format.write is not None:
        with path.open("wb") as file:
            audio_format.write(counting, file)
    else:
        # ffmpeg writes to a file, not a pipe, because it seeks back at the end to write the length into the header.
        with FfmpegEncoder(ffmpeg, audio_format.encoder_options, f"file:{path.absolute()}", to_pipe=False) as encoder:
            for piece in counting:
                encoder.write(piece)
            counting.require_min_samples()
            encoder.end_input()
            encoder.finish()
    counting.require_min_samples()
    return counting.samples


class _CountingIterator:
    def __init__(self, pieces: Iterable[Pcm]) -> None:
        self._pieces = iter(pieces)
        self.samples = 0

    def __iter__(self) -> _CountingIterator:
        return self

    def __next__(self) -> Pcm:
        piece = next(self._pieces)
        self.samples += len(piece)
        return piece

    def require_min_samples(self) -> None:
        if self.samples < MIN_SAMPLES:
            raise ValueError(f"{self.samples} samples are too few for a file")
