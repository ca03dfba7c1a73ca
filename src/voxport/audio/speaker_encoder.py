"""Computes speaker embeddings of 256 numbers with Resemblyzer's encoder (`scripts/build_speaker_encoder.py`).

The encoder processes windows of 1.6 s, and an utterance's embedding is the mean of its windows. The cosine of two
embeddings is 0.85 or more for the same speaker and about 0.6 for different speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np
import soxr

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.onnx_sessions import open_session
from voxport.engine_errors import SampleNotEnrollable

EMBEDDING_SIZE: Final = 256
# The constants of Resemblyzer's hparams.py.
_RATE: Final = 16_000
_WINDOW: Final = 400  # samples: 25 ms
_HOP: Final = 160  # samples: 10 ms
_MELS: Final = 40
_WINDOW_FRAMES: Final = 160  # in a window of the encoder: 1.6 s
_STEP_FRAMES: Final = 77  # frames between two windows: 1.3 windows a second
_MIN_COVERAGE: Final = 0.75  # minimum share of audio in the last window

_TARGET_RMS: Final = 10 ** (-24 / 20)
"""RMS to which every recording is scaled. The encoder's input is power, not its logarithm, so it depends on loudness.
Resemblyzer raises quiet recordings to -30 dBFS and keeps loud ones, so one speaker at two levels looks like two. With
all at -24 dBFS, real speakers are distinguished as well as by that rule."""

_MIN_SECONDS: Final = 0.3
"""Minimum length of audio in which a speaker can be found."""
_BATCH_WINDOWS: Final = 96
"""Windows encoded at a time, so that memory does not grow with the recording."""


class SpeakerEncoder:
    """The encoder, loaded once: 3 MB."""

    def __init__(self, *, threads: int) -> None:
        model = (files("voxport.audio") / "assets" / "speaker_encoder.onnx").read_bytes()
        self._session = open_session(model, threads)

    def embed(self, audio: FloatArray) -> FloatArray:
        """Returns the embedding, float32 [256] of norm 1, of `audio` (float32 mono, 24 kHz; loudness and long pauses
        do not matter). Raises SampleNotEnrollable if there is hardly any sound."""
        mels = mel_windows(preprocess(audio))
        parts = [mels[start : start + _BATCH_WINDOWS] for start in range(0, len(mels), _BATCH_WINDOWS)]
        embeddings = np.concatenate([self._session.run(None, {"mels": part})[0] for part in parts])
        mean = embeddings.mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)

    def embed_each(self, clips: Sequence[FloatArray]) -> FloatArray:
        """Returns the embedding of each clip, float32 [clips, 256]. Raises as `embed`."""
        return np.stack([self.embed(clip) for clip in clips])


def mel_windows(audio: FloatArray) -> FloatArray:
    """Computes the encoder's input, float32 [windows, 160, 40]: power mel spectra (not log) of `audio` at 16 kHz."""
    frames = 1 + audio.size // _HOP
    starts = list(range(0, max(1, frames - _WINDOW_FRAMES + _STEP_FRAMES + 1), _STEP_FRAMES))
    if len(starts) > 1 and (audio.size - starts[-1] * _HOP) < _MIN_COVERAGE * _WINDOW_FRAMES * _HOP:
        starts.pop()
    missing = (starts[-1] + _WINDOW_FRAMES) * _HOP - audio.size
    mel = _mel_spectrum(np.pad(audio, (0, max(0, missing))))
    return np.stack([mel[start : start + _WINDOW_FRAMES] for start in starts])


def preprocess(audio: FloatArray) -> FloatArray:
    """Resamples to 16 kHz, removes long pauses and normalises loudness. Raises SampleNotEnrollable."""
    active = _without_long_pauses(np.asarray(soxr.resample(audio.astype(np.float32), SAMPLE_RATE, _RATE)))
    loudness = float(np.sqrt(np.mean(active**2))) if active.size else 0.0
    if active.size < _MIN_SECONDS * _RATE or loudness < 1e-5:
        raise SampleNotEnrollable("The recording has no sound in which a speaker could be found.")
    return np.asarray(active * (_TARGET_RMS / loudness), np.float32)


def _without_long_pauses(audio: FloatArray) -> FloatArray:
    """Removes frames of 30 ms that are 35 dB below the loud ones, unless there is sound within 120 ms."""
    size = _RATE * 30 // 1000
    count = audio.size // size
    if count == 0:
        return audio
    frames = audio[: count * size].reshape(count, size)
    loudness = np.sqrt(np.mean(frames**2, axis=1))
    loud = loudness > 10 ** (-35 / 20) * np.percentile(loudness, 95)
    is_near_sound = np.convolve(loud, np.ones(9))[4 : 4 + count] > 0
    return np.asarray(frames[is_near_sound].ravel())


def _mel_spectrum(audio: FloatArray) -> FloatArray:
    """Computes the power mel spectrum, float32 [frames, 40]. Frame i is centred on sample 160 i."""
    padded = np.pad(audio, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    hann = np.hanning(_WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
    return np.asarray(power @ slaney_filterbank(_RATE, _WINDOW, _MELS).T, np.float32)


@cache
def slaney_filterbank(rate: int, window: int, mels: int) -> FloatArray:
    """Returns triangles on Slaney's mel scale, each of area 1 [mels, 1 + window / 2], as librosa does by default."""
    edges = _slaney_to_hz(np.linspace(0.0, _hz_to_slaney(rate / 2), mels + 2))
    bins = np.linspace(0.0, rate / 2, 1 + window // 2)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None])


# Slaney's scale: linear below 1 kHz (15 mels), then logarithmic (27 mels for a factor of 6.4).
_HZ_PER_MEL: Final = 200.0 / 3.0
_KNEE_HZ: Final = 1000.0
_LOG_STEP: Final = np.log(6.4) / 27.0


def _hz_to_slaney(hz: float) -> float:
    return float(hz / _HZ_PER_MEL if hz < _KNEE_HZ else _KNEE_HZ / _HZ_PER_MEL + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _slaney_to_hz(mels: FloatArray) -> FloatArray:
    knee = _KNEE_HZ / _HZ_PER_MEL
    return np.where(mels < knee, mels * _HZ_PER_MEL, _KNEE_HZ * np.exp(_LOG_STEP * (mels - knee)))
