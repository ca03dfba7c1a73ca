"""Defines the output formats and encodes samples to files. All audio here is mono at 24,000 Hz."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.encoder import FfmpegEncoder
from voxport.audio.codec.mp3 import Mp3Encoder, write_mp3
from voxport.audio.codec.wav import WavStream, wav_header, write_samples

MIN_SAMPLES = 480  # 20 ms, a frame of Opus; flac's encoder can't make a block of a handful of samples

MAX_HEADER_BYTES = 16_384  # maximum size of a file without its samples


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
    """Options for ffmpeg."""

    stream_options: tuple[str, ...] = ()
    """Additional options of ffmpeg for a stream, after the others."""

    relayed_as: Literal["pcm", "mp3"] | None = None
    """What a provider is asked for, so that its audio can be streamed as it is, after `stream_header`."""

    stream_header: bytes = b""

    @property
    def is_streamable(self) -> bool:
        return self.open_stream is not None or bool(self.stream_options)


FORMATS: dict[str, AudioFormat] = {
    each.name: each
    for each in (
        AudioFormat(*("mp3", ".mp3", "audio/mpeg", 16_000), write=write_mp3, open_stream=Mp3Encoder, relayed_as="mp3"),
        AudioFormat(
            *("wav", ".wav", "audio/wav", 2 * SAMPLE_RATE),
            write=write_samples,
            open_stream=WavStream,
            relayed_as="pcm",
            stream_header=wav_header(None),
        ),
        AudioFormat(
            *("ogg", ".ogg", "audio/ogg", 16_000),
            encoder_options=("-c:a", "libopus", "-b:a", "48k", "-f", "ogg"),
            stream_options=("-page_duration", "100000", "-flush_packets", "1"),  # µs: a page ten times a second
        ),
        AudioFormat("flac", ".flac", "audio/flac", 50_000, encoder_options=("-c:a", "flac", "-f", "flac")),
        AudioFormat(
            *("pcm", ".pcm", f"audio/L16;rate={SAMPLE_RATE};channels=1", 2 * SAMPLE_RATE),
            write=partial(write_samples, header=lambda _: b""),
        ),
    )
}

STREAM_FORMATS = tuple(sorted(each.name for each in FORMATS.values() if each.is_streamable))


def encode_file(pieces: Iterable[Pcm], fmt: str, path: Path, *, ffmpeg: Path) -> int:
    """Writes the samples, as they come, to a complete file in one of `FORMATS`. Returns the number of samples.

    Exceptions of `pieces` propagate and leave the file unusable. Raises KeyError for another format, ValueError for
    less than 20 ms, RuntimeError if ffmpeg fails.
    """
    audio_format, counting = FORMATS[fmt], _CountingIterator(pieces)
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
