"""Degrades clean recordings in known ways: noise, other voices, music, hum, a room, a telephone, a second speaker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr

from benchmarks.recordings import cohort, load
from voxport.audio.arrays import SAMPLE_RATE, FloatArray

Degradation = Callable[[FloatArray], FloatArray]


def degradations(folder: Path) -> dict[str, Degradation]:
    """Return the degradations by name, each a function of a recording (float32 mono, 24 kHz)."""
    other_speakers = [load(path) for path in cohort(folder)]
    orchestra = load(folder / "media" / "music_only_brahms_hungarian_dance5.ogg")[5 * SAMPLE_RATE :]
    hiss = np.random.default_rng(1).standard_normal(60 * SAMPLE_RATE)
    babble = np.sum([np.resize(one / rms(one), 60 * SAMPLE_RATE) for one in other_speakers[::2]], axis=0)
    time = np.arange(60 * SAMPLE_RATE) / SAMPLE_RATE
    hum = np.sum([np.sin(2 * np.pi * 50 * k * time + k) / k for k in range(1, 8)], axis=0)
    return {
        "clean": lambda audio: audio,
        "white noise 20 dB": lambda audio: mixed(audio, hiss, 20),
        "white noise 10 dB": lambda audio: mixed(audio, hiss, 10),
        "five other voices 10 dB": lambda audio: mixed(audio, babble, 10),
        "five other voices 5 dB": lambda audio: mixed(audio, babble, 5),
        "orchestra 10 dB": lambda audio: mixed(audio, orchestra, 10),
        "orchestra 0 dB": lambda audio: mixed(audio, orchestra, 0),
        "hum of 50 Hz 10 dB": lambda audio: mixed(audio, hum, 10),
        "room of 0.3 s": lambda audio: in_room(audio, 0.3),
        "room of 0.8 s": lambda audio: in_room(audio, 0.8),
        "room of 0.5 s, noise 15 dB": lambda audio: mixed(in_room(audio, 0.5), hiss, 15),
        "telephone": telephone,
        "quiet (-46 dBFS), noise 15 dB": lambda audio: mixed(audio * (0.005 / rms(audio)), hiss, 15),
        "second half 20 dB softer": lambda audio: np.concatenate(
            [audio[: len(audio) // 2], audio[len(audio) // 2 :] / 10]
        ),
        "6 s of another speaker after": lambda audio: np.concatenate(
            [audio, other_speakers[0][: 6 * SAMPLE_RATE] * (rms(audio) / rms(other_speakers[0]))]
        ),
    }  # fmt: skip


def rms(audio: FloatArray) -> float:
    """Return the RMS of the frames within 20 dB of the loud parts, so that pauses don't count."""
    frames = audio[: len(audio) // 480 * 480].reshape(-1, 480)
    loudness = np.sqrt(np.mean(frames**2, axis=1))
    return float(np.sqrt(np.mean(loudness[loudness > 0.1 * np.percentile(loudness, 95)] ** 2)))


def mixed(audio: FloatArray, noise: FloatArray, snr_db: float) -> FloatArray:
    """Add `noise`, `snr_db` below the level of the speech."""
    under = np.resize(noise, len(audio))
    level = rms(audio) / float(np.sqrt(np.mean(under**2)))
    return np.asarray(audio + under * (level * 10 ** (-snr_db / 20)), np.float32)


def in_room(audio: FloatArray, seconds: float) -> FloatArray:
    """Add reverberation: noise that decays by 60 dB in `seconds` as impulse response, as strong as the sound."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    response = np.random.default_rng(2).standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    response[: round(0.003 * SAMPLE_RATE)] = 0.0
    response /= np.sqrt(np.sum(response**2))
    response[0] = 1.0
    size = 1 << int(np.ceil(np.log2(len(audio) + len(response))))
    echoing = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(response, size), size)[: len(audio)]
    return np.asarray(echoing * (rms(audio) / rms(echoing)), np.float32)


def telephone(audio: FloatArray) -> FloatArray:
    """Limit to 300 to 3,400 Hz at 8 kHz, with 8-bit mu-law."""
    narrow = np.asarray(soxr.resample(audio, SAMPLE_RATE, 8_000))
    spectrum, hz = np.fft.rfft(narrow), np.fft.rfftfreq(len(narrow), 1 / 8_000)
    spectrum[(hz < 300) | (hz > 3_400)] = 0
    narrow = np.fft.irfft(spectrum, len(narrow))
    narrow /= 1.2 * np.abs(narrow).max()
    coded = np.sign(narrow) * np.round(np.log1p(255 * np.abs(narrow)) / np.log(256) * 127) / 127
    heard = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255
    return np.asarray(soxr.resample(heard.astype(np.float32), 8_000, SAMPLE_RATE)[: len(audio)])
