"""Makes parts of a chunk louder or softer, after its loudness was normalised."""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.loudness import limit_peaks
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesis import IntArray

_RAMP_SAMPLES: Final = SAMPLE_RATE // 100
_MAX_PEAK: Final = 2.0
"""Before the limiter, which holds peaks at -2 dB: it takes at most 8 dB of them. Speech has its peaks there already, so
that without it nothing could be louder."""


def apply_levels(audio: FloatArray, chunk: Chunk, token_starts: IntArray) -> FloatArray:
    """Apply the levels of a chunk's prosody to its audio, with ramps of 10 ms. The peaks of a louder part are limited.
    `token_starts` as in `Synthesis`."""
    spans = [span for span in chunk.prosody if span.decibels]
    if not spans:
        return audio
    gains = np.ones(audio.size, np.float32)
    for span in spans:
        start, end = int(token_starts[span.start]), int(token_starts[span.end])
        if span.end == len(chunk.tokens):
            end = audio.size
        gain = 10 ** (span.decibels / 20)
        peak = float(np.abs(audio[start:end]).max(initial=0.0))
        if gain > 1 and peak * gain > _MAX_PEAK:
            gain = max(1.0, _MAX_PEAK / peak)
        gains[start:end] *= gain
    ramp = np.hanning(_RAMP_SAMPLES + 2)[1:-1]
    padded = np.pad(gains, (_RAMP_SAMPLES // 2, _RAMP_SAMPLES - 1 - _RAMP_SAMPLES // 2), mode="edge")
    smooth = np.convolve(padded, ramp / ramp.sum(), mode="valid")
    levelled = (audio * smooth).astype(np.float32)
    return limit_peaks(levelled) if gains.max() > 1 else levelled
