"""Samples to a file that any player opens. All sound here is mono at 24,000 Hz."""

from __future__ import annotations

import io
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voxport.media.ffmpeg import INPUT, Limits, run

SAMPLE_RATE = 24_000

LEAST_SAMPLES = 480  # 20 ms, a frame of Opus; flac's encoder can't make a block of a handful of samples


@dataclass(frozen=True)
class AudioFormat:
    name: str
    extension: str
    """With its dot."""

    content_type: str


FORMATS: dict[str, AudioFormat] = {
    each.name: each
    for each in (
        AudioFormat("mp3", ".mp3", "audio/mpeg"),
        AudioFormat("wav", ".wav", "audio/wav"),
        AudioFormat("ogg", ".ogg", "audio/ogg"),  # Opus
        AudioFormat("flac", ".flac", "audio/flac"),
        AudioFormat("pcm", ".pcm", "audio/L16;rate=24000;channels=1"),  # s16le
    )
}

_ENCODERS: dict[str, list[str]] = {
    "mp3": ["-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"],
    "ogg": ["-c:a", "libopus", "-b:a", "48k", "-f", "ogg"],
    "flac": ["-c:a", "flac", "-f", "flac"],
}
_READ_PCM = ["-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", INPUT]
# No tags, and no version of the encoder: the file tells nothing about the machine, and the same samples give
# the same bytes.
_NO_TRACES = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]


def encode(pcm: npt.NDArray[np.int16], fmt: str, *, ffmpeg: Path) -> bytes:
    """The samples as a complete file of one of `FORMATS`.

    Raises KeyError for another format, ValueError under 20 ms, RuntimeError where ffmpeg fails.
    """
    name = FORMATS[fmt].name
    if len(pcm) < LEAST_SAMPLES:
        raise ValueError(f"{len(pcm)} samples are too few for a file")
    if name == "pcm":
        return pcm.astype("<i2").tobytes()
    if name == "wav":
        return wav_bytes(pcm)
    return _by_ffmpeg(pcm, _ENCODERS[name], ffmpeg)


def to_pcm16(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    """Full scale (-1 to 1) to 16 bits, rounded. What is beyond is clipped, so that nothing wraps around."""
    pcm: npt.NDArray[np.int16] = np.rint(np.clip(audio, -1.0, 1.0) * 32_767.0).astype(np.int16)
    return pcm


def wav_bytes(pcm: npt.NDArray[np.int16], rate: int = SAMPLE_RATE) -> bytes:
    """A RIFF file, mono, 16 bits, `rate` in Hz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()


def _by_ffmpeg(pcm: npt.NDArray[np.int16], encoder: list[str], ffmpeg: Path) -> bytes:
    """Through files, not pipes, both ways: a header with the true length is written last, by going back."""
    raw = pcm.astype("<i2").tobytes()
    seconds = len(pcm) / SAMPLE_RATE
    with tempfile.TemporaryFile() as source, tempfile.NamedTemporaryFile(prefix="voxport-") as target:
        source.write(raw)
        source.seek(0)
        finished = run(
            ffmpeg,
            [*_READ_PCM, *encoder, *_NO_TRACES, "-y", f"file:{target.name}"],
            stdin=source,
            limits=Limits(
                # Opus, the slowest, takes 0.01 s for a second of sound (measured): ten times that.
                cpu_seconds=20 + int(seconds / 10),
                wall_seconds=60 + seconds / 5,
                stdout_bytes=0,
                file_bytes=len(raw) + 1_000_000,
            ),
        )
        if finished.exit_code != 0:
            raise RuntimeError(f"ffmpeg could not encode: exit code {finished.exit_code}: {finished.messages}")
        return Path(target.name).read_bytes()
