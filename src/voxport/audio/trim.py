"""Trims silence, so that only the planner sets the length of pauses, and fades the edges to avoid clicks."""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray

FRAME_SAMPLES: Final = SAMPLE_RATE // 100
"""Samples of a frame of 10 ms, for which loudness is measured."""
_SILENCE_RATIO: Final = 10 ** (-45 / 20)
"""A frame of 10 ms is silent if its RMS is this far below that of the loudest frame. Kokoro's own breath and hiss
between words are near -50 dB, the softest consonants near -35 dB."""
_LEAD_SAMPLES: Final = 3 * FRAME_SAMPLES
_TAIL_SAMPLES: Final = 6 * FRAME_SAMPLES
_FADE_IN_SAMPLES: Final = SAMPLE_RATE // 200
_FADE_OUT_SAMPLES: Final = SAMPLE_RATE // 50


def trim_silence(audio: FloatArray) -> FloatArray:
    """Trims `audio` (float32 mono, 24 kHz) to 30 ms before its first sound and 60 ms after its last, and fades it in
    over 5 ms and out over 20 ms. Returns 30 ms of silence for silence."""
    return fade_edges(audio[sounding_range(frame_rms(audio))], is_first=True, is_last=True)


def fade_edges(audio: FloatArray, *, is_first: bool, is_last: bool) -> FloatArray:
    """Returns a copy, faded in if it starts the speech (`is_first`), out if it ends it. Some voices exceed full scale
    before their loudness is normalised: they are not clipped here."""
    copy = audio.astype(np.float32)
    head, tail = min(_FADE_IN_SAMPLES, copy.size // 2), min(_FADE_OUT_SAMPLES, copy.size // 2)
    if is_first:
        copy[:head] *= np.linspace(0.0, 1.0, head, dtype=np.float32)
    if is_last:
        copy[copy.size - tail :] *= np.linspace(1.0, 0.0, tail, dtype=np.float32)
    return copy


def frame_rms(audio: FloatArray) -> FloatArray:
    """Returns the RMS of each whole frame of 10 ms."""
    frames = audio.size // FRAME_SAMPLES
    loudness: FloatArray = np.sqrt(np.mean(audio[: frames * FRAME_SAMPLES].reshape(frames, FRAME_SAMPLES) ** 2, axis=1))
    return loudness


def sounding_range(loudness: FloatArray) -> slice:
    """Returns the range of samples between the silence at both ends, from the RMS of the frames. The end may be after
    the last sample. Audio without a whole frame is kept unchanged."""
    if loudness.size == 0:
        return slice(None)
    if loudness.max() < 1e-5:
        return slice(0, _LEAD_SAMPLES)
    loud = np.flatnonzero(loudness > _SILENCE_RATIO * loudness.max())
    start = max(0, int(loud[0]) * FRAME_SAMPLES - _LEAD_SAMPLES)
    return slice(start, (int(loud[-1]) + 1) * FRAME_SAMPLES + _TAIL_SAMPLES)
