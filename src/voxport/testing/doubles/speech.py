"""Speech of the doubles: a real recording, cut or repeated to the duration that the text would take."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audio.codec.wav import to_pcm16
from voxport.testing.doubles.marks import Audio, marked

_RECORDED: Final = Path(__file__).with_name("speech.flac")  # mono, 24 kHz
_SECONDS_PER_CHARACTER: Final = 0.06
_MIN_SECONDS: Final = 1.0


def synthesize(text: str, mark: int, *, speed: float = 1.0) -> Audio:
    """Return speech with the voice's mark, as long as `text` takes (float32, mono, 24 kHz)."""
    seconds = max(_MIN_SECONDS, _SECONDS_PER_CHARACTER * len(text) / speed)
    return marked(np.resize(_speech(), round(seconds * SAMPLE_RATE)), mark)


def encoded(audio: Audio, codec: str, rate: int, bit_rate: int | None) -> bytes:
    """Encode `audio` (24 kHz) as `pcm` (s16le without a header), `wav`, `mp3`, `opus`, `flac`, `ulaw` or `alaw`.
    `bit_rate` is in bits per second, for formats that have one."""
    if codec == "pcm":
        return pcm16(audio, rate)
    formats = {
        "wav": ["-c:a", "pcm_s16le", "-f", "wav"],
        "mp3": ["-c:a", "libmp3lame", "-f", "mp3"],
        "opus": ["-c:a", "libopus", "-f", "ogg"],
        "flac": ["-c:a", "flac", "-f", "flac"],
        "ulaw_wav": ["-c:a", "pcm_mulaw", "-f", "wav"],
        "ulaw": ["-c:a", "pcm_mulaw", "-f", "mulaw"],
        "alaw": ["-c:a", "pcm_alaw", "-f", "alaw"],
    }
    command = [str(find_ffmpeg()), "-v", "error", "-f", "s16le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-"]
    command += [*formats[codec], "-ar", str(rate), "-ac", "1", "-threads", "1"]
    if bit_rate is not None and codec in ("mp3", "opus"):
        command += ["-b:a", str(bit_rate)]
    return subprocess.run([*command, "-"], input=pcm16(audio, SAMPLE_RATE), capture_output=True, check=True).stdout  # noqa: S603  # our own program


def pcm16(audio: Audio, rate: int) -> bytes:
    resampled = audio if rate == SAMPLE_RATE else soxr.resample(audio, SAMPLE_RATE, rate)
    return to_pcm16(resampled).astype("<i2").tobytes()


@cache
def _speech() -> Audio:
    """Return a sentence spoken by the local engine's `am_michael`: "The ferry leaves the island at seven in the
    morning, and the whole village comes down to wave." It is read from a file because loading the engine takes three
    seconds."""
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(_RECORDED), "-f", "s16le", "-"]
    pcm = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603  # our own program
    return np.asarray(np.frombuffer(pcm, "<i2") / np.float32(32_767), np.float32)
