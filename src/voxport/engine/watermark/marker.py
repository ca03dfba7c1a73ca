"""Watermarks audio: makes each cell of time and frequency slightly louder or softer by the pattern's sign."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine.watermark.pattern import BAND_HZ, BANDS, CELL_FRAMES, CELLS, FRAME_SAMPLES, MIN_HZ, pattern_signs

DEPTH_DB: Final = 1.75
"""Gain of a cell, up or down. It scales the signal, so the speech masks it and silence stays silent. `docs/engine.md`
has its effect on DNSMOS and the level of the mark below the speech."""
_WINDOW: Final = 512
_HOP: Final = _WINDOW // 2
_FADE_SAMPLES: Final = SAMPLE_RATE // 200


class Watermarker:
    """Marks audio piece by piece: the pattern continues from piece to piece, and there is no delay.

    At the ends of each piece the mark (not the audio) fades over 5 ms, so that there is no click wherever it was cut.
    """

    def __init__(self, start_sample: int = 0) -> None:
        """`start_sample` is the number of samples before the first piece."""
        self._position = start_sample

    def process(self, piece: FloatArray) -> FloatArray:
        """Mark `piece` (float32 mono, 24 kHz, any length). Returns float32 of the same length, clipped to full
        scale, or to the piece's own peak where that is higher."""
        peak = max(1.0, float(np.abs(piece).max(initial=0.0)))
        marked = np.clip(piece + _watermark_signal(piece, self._position), -peak, peak).astype(np.float32)
        self._position += piece.size
        return marked


def add_watermark(audio: FloatArray) -> FloatArray:
    """Mark `audio` (float32 mono, 24 kHz) as one piece."""
    return Watermarker().process(audio)


def _watermark_signal(audio: FloatArray, start_sample: int) -> FloatArray:
    """The signal that the mark adds, from windows of 21 ms that overlap by half, on a grid of the pattern's time."""
    padding = _WINDOW + start_sample % _HOP
    hops = -(-(padding + audio.size + _WINDOW) // _HOP)
    padded = np.zeros(hops * _HOP + _WINDOW, np.float32)
    padded[padding : padding + audio.size] = audio
    window = np.sqrt(np.hanning(_WINDOW + 1)[:-1]).astype(np.float32)
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * window, axis=1)
    centres = start_sample - padding + np.arange(len(spectra)) * _HOP + _WINDOW // 2
    cells = centres // (CELL_FRAMES * FRAME_SAMPLES) % CELLS
    pieces = np.fft.irfft(spectra * _gain_changes()[cells], _WINDOW, axis=1).astype(np.float32) * window
    added = np.zeros((len(spectra) + 1, _HOP), np.float32)
    added[:-1] += pieces[:, :_HOP]
    added[1:] += pieces[:, _HOP:]
    difference = added.reshape(-1)[padding : padding + audio.size]
    fade = min(_FADE_SAMPLES, audio.size // 2)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    difference[:fade] *= ramp
    difference[audio.size - fade :] *= ramp[::-1]
    return difference


@cache
def _gain_changes() -> FloatArray:
    """The change of each bin of the spectrum, relative to the bin: [CELLS, bins]."""
    louder = 10 ** (DEPTH_DB / 20)
    bands = np.floor((np.arange(_WINDOW // 2 + 1) * SAMPLE_RATE / _WINDOW - MIN_HZ) / BAND_HZ).astype(int)
    inside = (bands >= 0) & (bands < BANDS)
    changes = np.zeros((CELLS, bands.size), np.float32)
    changes[:, inside] = np.where(pattern_signs()[:, bands[inside]] > 0, louder - 1.0, 1.0 / louder - 1.0)
    return changes
