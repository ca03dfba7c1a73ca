"""Samples to a file that any player opens. All sound here is mono at 24,000 Hz."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.encoder import FfmpegEncoder, Pcm

MIN_SAMPLES = 480  # 20 ms, a frame of Opus; flac's encoder can't make a block of a handful of samples

MAX_HEADER_BYTES = 16_384  # what a file has besides its samples, at most


@dataclass(frozen=True)
class AudioFormat:
    name: str
    extension: str
    """With its dot."""

    content_type: str
    bytes_per_second: int
    """At most."""


FORMATS: dict[str, AudioFormat] = {
    each.name: each
    for each in (
        AudioFormat("mp3", ".mp3", "audio/mpeg", 16_000),
        AudioFormat("wav", ".wav", "audio/wav", 48_000),
        AudioFormat("ogg", ".ogg", "audio/ogg", 16_000),  # Opus
        AudioFormat("flac", ".flac", "audio/flac", 50_000),
        AudioFormat("pcm", ".pcm", "audio/L16;rate=24000;channels=1", 48_000),  # s16le
    )
}

ENCODERS: dict[str, list[str]] = {
    "mp3": ["-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"],
    "ogg": ["-c:a", "libopus", "-b:a", "48k", "-f", "ogg"],
    "flac": ["-c:a", "flac", "-f", "flac"],
}


def encode_file(pieces: Iterable[Pcm], fmt: str, path: Path, *, ffmpeg: Path) -> int:
    """Write the samples, as they come, as a complete file of one of `FORMATS`; how many they were.

    What `pieces` raises goes through, and the file is of no use then. Raises KeyError for another format, ValueError
    under 20 ms, RuntimeError where ffmpeg fails.
    """
    counting = _CountingIterator(pieces)
    match FORMATS[fmt].name:
        case "pcm":
            with path.open("wb") as file:
                for piece in counting:
                    file.write(piece.astype("<i2").tobytes())
        case "wav":
            with path.open("wb") as file:
                write_wav(counting, file)
        case name:
            # To a file, not through a pipe: a header with the true length is written last, by going back.
            with FfmpegEncoder(ffmpeg, ENCODERS[name], f"file:{path.absolute()}", to_pipe=False) as encoder:
                for piece in counting:
                    encoder.write(piece)
                counting.require_min_samples()
                encoder.end_input()
                encoder.finish()
    counting.require_min_samples()
    return counting.samples


def write_wav(pieces: Iterable[Pcm], file: BinaryIO) -> int:
    """Write the samples, as they come, as a RIFF file; how many they were. The file can be sought in. What `pieces`
    raises goes through, and the file is of no use then."""
    samples = 0
    with wave.open(file, "wb") as writer:
        _set_header(writer, SAMPLE_RATE)
        for piece in pieces:
            samples += len(piece)
            # Raw: the sizes in the header are written once, at the end, and not behind each piece.
            writer.writeframesraw(piece.astype("<i2").tobytes())
    return samples


def to_pcm16(audio: npt.NDArray[np.float32]) -> Pcm:
    """Full scale (-1 to 1) to 16 bits, rounded. What is beyond is clipped, so that nothing wraps around."""
    pcm: Pcm = np.rint(np.clip(audio, -1.0, 1.0) * 32_767.0).astype(np.int16)
    return pcm


def wav_bytes(pcm: Pcm, rate: int = SAMPLE_RATE) -> bytes:
    """A RIFF file, mono, 16 bits, `rate` in Hz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        _set_header(writer, rate)
        writer.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()


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


def _set_header(writer: wave.Wave_write, rate: int) -> None:
    writer.setnchannels(1)
    writer.setsampwidth(2)
    writer.setframerate(rate)
