"""Audio with clean edges: silence trimmed, so that the planner alone says how long a pause is, and no clicks."""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.engine.arrays import Floats
from voxport.engine.languages import SAMPLE_RATE

_FRAME: Final = SAMPLE_RATE // 100
_FLOOR: Final = 10 ** (-45 / 20)
"""A frame of 10 ms is silent when its RMS is this far under that of the loudest frame: Kokoro's own breath and
hiss between words lie near -50 dB, the softest consonants near -35 dB."""
_KEPT_BEFORE: Final = 3 * _FRAME
_KEPT_AFTER: Final = 6 * _FRAME
_FADE_IN: Final = SAMPLE_RATE // 200
_FADE_OUT: Final = SAMPLE_RATE // 50


def with_clean_edges(audio: Floats) -> Floats:
    """`audio` (float32 mono, 24 kHz) from 30 ms before its first sound to 60 ms after its last, faded in over 5 ms
    and out over 20 ms, within -1 to 1. Silence comes back as 30 ms of silence."""
    trimmed = audio[_sounding(audio)].astype(np.float32)
    np.clip(trimmed, -1.0, 1.0, out=trimmed)
    into, out = min(_FADE_IN, trimmed.size // 2), min(_FADE_OUT, trimmed.size // 2)
    trimmed[:into] *= np.linspace(0.0, 1.0, into, dtype=np.float32)
    trimmed[trimmed.size - out :] *= np.linspace(1.0, 0.0, out, dtype=np.float32)
    return trimmed


def _sounding(audio: Floats) -> slice:
    frames = audio.size // _FRAME
    if frames == 0:
        return slice(None)
    loudness = np.sqrt(np.mean(audio[: frames * _FRAME].reshape(frames, _FRAME) ** 2, axis=1))
    if loudness.max() < 1e-5:
        return slice(0, _KEPT_BEFORE)
    loud = np.flatnonzero(loudness > _FLOOR * loudness.max())
    start = max(0, int(loud[0]) * _FRAME - _KEPT_BEFORE)
    return slice(start, (int(loud[-1]) + 1) * _FRAME + _KEPT_AFTER)
