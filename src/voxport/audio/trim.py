"""Audio with clean edges: silence trimmed, so that the planner alone says how long a pause is, and no clicks."""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, Floats

FRAME: Final = SAMPLE_RATE // 100
"""Samples of the 10 ms whose loudness is looked at."""
_FLOOR: Final = 10 ** (-45 / 20)
"""A frame of 10 ms is silent when its RMS is this far under that of the loudest frame: Kokoro's own breath and
hiss between words lie near -50 dB, the softest consonants near -35 dB."""
_KEPT_BEFORE: Final = 3 * FRAME
_KEPT_AFTER: Final = 6 * FRAME
_FADE_IN: Final = SAMPLE_RATE // 200
_FADE_OUT: Final = SAMPLE_RATE // 50


def with_clean_edges(audio: Floats) -> Floats:
    """`audio` (float32 mono, 24 kHz) from 30 ms before its first sound to 60 ms after its last, faded in over 5 ms
    and out over 20 ms, within -1 to 1. Silence comes back as 30 ms of silence."""
    return faded(audio[sounding(frame_loudness(audio))], is_first=True, is_last=True)


def faded(audio: Floats, *, is_first: bool, is_last: bool) -> Floats:
    """A copy within -1 to 1, of a stretch that begins (`is_first`) or ends (`is_last`) the speech: faded in or out."""
    copy = audio.astype(np.float32)
    np.clip(copy, -1.0, 1.0, out=copy)
    into, out = min(_FADE_IN, copy.size // 2), min(_FADE_OUT, copy.size // 2)
    if is_first:
        copy[:into] *= np.linspace(0.0, 1.0, into, dtype=np.float32)
    if is_last:
        copy[copy.size - out :] *= np.linspace(1.0, 0.0, out, dtype=np.float32)
    return copy


def frame_loudness(audio: Floats) -> Floats:
    """The RMS of each whole frame of 10 ms."""
    frames = audio.size // FRAME
    loudness: Floats = np.sqrt(np.mean(audio[: frames * FRAME].reshape(frames, FRAME) ** 2, axis=1))
    return loudness


def sounding(loudness: Floats) -> slice:
    """The samples between the silence at both ends, from the loudness of the frames; the end may be behind the last
    sample. Audio without a whole frame is taken as it is."""
    if loudness.size == 0:
        return slice(None)
    if loudness.max() < 1e-5:
        return slice(0, _KEPT_BEFORE)
    loud = np.flatnonzero(loudness > _FLOOR * loudness.max())
    start = max(0, int(loud[0]) * FRAME - _KEPT_BEFORE)
    return slice(start, (int(loud[-1]) + 1) * FRAME + _KEPT_AFTER)
