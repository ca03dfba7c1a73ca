"""Modifies audio as transmission and editing do: codecs, sample rates, noise, cuts, speeds."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soxr

from benchmarks.recordings import load
from voxport.audio.arrays import SAMPLE_RATE, FloatArray

Attack = Callable[[FloatArray], FloatArray]
MP3, OPUS = (128, 64, 32), (48, 24, 16, 12)
NOISE = (40, 30, 20, 15, 10, 5)
CUTS = (5, 3, 2, 1)


def attacks(seed: int = 0) -> Iterator[tuple[str, Attack]]:
    """Yield name and function of each attack, in the order of the table. Noise and offsets are drawn from `seed`."""
    rng = np.random.default_rng(seed)
    yield "nothing", lambda audio: audio
    for rate in MP3:
        yield f"mp3 {rate} kbit/s", _coded(["-c:a", "libmp3lame", "-b:a", f"{rate}k"], "mp3")
    for rate in OPUS:
        yield f"Opus {rate} kbit/s", _coded(["-c:a", "libopus", "-b:a", f"{rate}k"], "ogg")
    for rate in (16_000, 8_000):
        yield f"resampled to {rate // 1000} kHz and back", _resampled(rate)
    for snr in NOISE:
        yield f"white noise, SNR {snr} dB", _noisy(snr, rng)
    for seconds in CUTS:
        yield f"cut to {seconds} s", _cut(seconds, rng)
    for speed in (1.01, 0.99, 1.03, 0.97):
        yield f"speed {speed:g}", _faster(speed)
    yield "20 dB softer", lambda audio: audio * 0.1
    yield "20 dB louder, clipped", lambda audio: np.clip(audio * 10, -1, 1)


def _coded(encoder: list[str], extension: str) -> Attack:
    def code(audio: FloatArray) -> FloatArray:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"coded.{extension}"
            command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "f32le", "-ar", str(SAMPLE_RATE)]
            command += ["-ac", "1", "-i", "-", *encoder, str(target)]
            subprocess.run(command, input=audio.astype("<f4").tobytes(), check=True)
            return load(target)

    return code


def _resampled(rate: int) -> Attack:
    return lambda audio: np.asarray(soxr.resample(soxr.resample(audio, SAMPLE_RATE, rate), rate, SAMPLE_RATE))


def _noisy(snr_db: float, rng: np.random.Generator) -> Attack:
    def add(audio: FloatArray) -> FloatArray:
        level = np.sqrt(np.mean(audio**2) / 10 ** (snr_db / 10))
        return np.asarray(audio + level * rng.standard_normal(audio.size), np.float32)

    return add


def _cut(seconds: int, rng: np.random.Generator) -> Attack:
    """Cut to `seconds` at a random place; a shorter clip is returned whole."""

    def cut(audio: FloatArray) -> FloatArray:
        length = seconds * SAMPLE_RATE
        start = int(rng.integers(0, max(1, audio.size - length + 1)))
        return audio[start : start + length]

    return cut


def _faster(speed: float) -> Attack:
    """Change pitch and tempo together, as a tape does."""
    return lambda audio: np.asarray(soxr.resample(audio, speed * SAMPLE_RATE, SAMPLE_RATE))
