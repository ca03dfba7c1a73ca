"""Audio with clean edges: silence trimmed, so that the planner alone says how long a pause is, and no clicks."""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray

FRAME_SAMPLES: Final = SAMPLE_RATE // 100
"""Samples of the 10 ms whose loudness is looked at."""
_SILENCE_RATIO: Final = 10 ** (-45 / 20)
"""A frame of 10 ms is silent when its RMS is this far under that of the loudest frame: Kokoro's own breath and
hiss between words lie near -50 dB, the softest consonants near -35 dB."""
_LEAD_SAMPLES: Final = 3 * FRAME_SAMPLES
_TAIL_SAMPLES: Final = 6 * FRAME_SAMPLES
_FADE_IN_SAMPLES: Final = SAMPLE_RATE // 200
_FADE_OUT_SAMPLES: Final = SAMPLE_RATE // 50


def trim_silence(audio: FloatArray) -> FloatArray:
    """`audio` (float32 mono, 24 kHz) from 30 ms before its first sound to 60 ms after its last, faded in over 5 ms
    and out over 20 ms, within -1 to 1. Silence comes back as 30 ms of silence."""
    return fade_edges(audio[sounding_range(frame_rms(audio))], is_first=True, is_last=True)


def fade_edges(audio: FloatArray, *, is_first: bool, is_last: bool) -> FloatArray:
    """A copy within -1 to 1, of a stretch that begins (`is_first`) or ends (`is_last`) the speech: faded in or out."""
    copy = audio.astype(np.float32)
    np.clip(copy, -1.0, 1.0, out=copy)
    head, tail = min(_FADE_IN_SAMPLES, copy.size // 2), min(_FADE_OUT_SAMPLES, copy.size // 2)
    if is_first:
        copy[:head] *= np.linspace(0.0, 1.0, head, dtype=np.float32)
    if is_last:
        copy[copy.size - tail :] *= np.linspace(1.0, 0.0, tail, dtype=np.float32)
    return copy


def frame_rms(audio: FloatArray) -> FloatArray:
    """The RMS of each whole frame of 10 ms."""
    frames = audio.size // FRAME_SAMPLES
    loudness: FloatArray = np.sqrt(np.mean(audio[: frames * FRAME_SAMPLES].reshape(frames, FRAME_SAMPLES) ** 2, axis=1))
    return loudness


def sounding_range(loudness: FloatArray) -> slice:
    """The samples between the silence at both ends, from the loudness of the frames; the end may be behind the last
    sample. Audio without a whole frame is taken as it is."""
    if loudness.size == 0:
        return slice(None)
    if loudness.max() < 1e-5:
        return slice(0, _LEAD_SAMPLES)
    loud = np.flatnonzero(loudness > _SILENCE_RATIO * loudness.max())
    start = max(0, int(loud[0]) * FRAME_SAMPLES - _LEAD_SAMPLES)
    return slice(start, (int(loud[-1]) + 1) * FRAME_SAMPLES + _TAIL_SAMPLES)
