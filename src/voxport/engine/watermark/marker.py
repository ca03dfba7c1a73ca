"""Puts the mark into audio: each cell of time and frequency a little louder or softer, as the pattern says."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np

from voxport.audio.arrays import Floats
from voxport.engine.watermark.pattern import BAND_HZ, BANDS, CELL_FRAMES, CELLS, FRAME, LOWEST_HZ, RATE, signs

DEPTH_DB: Final = 1.75
"""How much louder or softer. It is a share of what is there, so it lies under the speech that masks it, and silence
stays silent. `docs/engine.md` has what it does to DNSMOS and the level of the mark under the speech."""
_WINDOW: Final = 512
_HOP: Final = _WINDOW // 2
_FADE: Final = RATE // 200


class Marker:
    """Marks audio that comes in pieces: the pattern goes on from piece to piece. Each comes back at once, in its own
    length; at its ends the mark (not the audio) fades over 5 ms, so that nothing clicks wherever it was cut."""

    def __init__(self, at: int = 0) -> None:
        """`at` samples of the audio lie before the first piece."""
        self._at = at

    def process(self, piece: Floats) -> Floats:
        """`piece` (float32 mono, 24 kHz, any length), marked: float32, within -1 to 1."""
        marked = np.clip(piece + _difference(piece, self._at), -1.0, 1.0).astype(np.float32)
        self._at += piece.size
        return marked


def mark(audio: Floats) -> Floats:
    """The whole of `audio` (float32 mono, 24 kHz), marked."""
    return Marker().process(audio)


def _difference(audio: Floats, at: int) -> Floats:
    """What the mark adds. Windows of 21 ms, half overlapped, on a grid of the pattern's own time."""
    lead = _WINDOW + at % _HOP
    hops = -(-(lead + audio.size + _WINDOW) // _HOP)
    padded = np.zeros(hops * _HOP + _WINDOW, np.float32)
    padded[lead : lead + audio.size] = audio
    window = np.sqrt(np.hanning(_WINDOW + 1)[:-1]).astype(np.float32)
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * window, axis=1)
    middles = at - lead + np.arange(len(spectra)) * _HOP + _WINDOW // 2
    cells = middles // (CELL_FRAMES * FRAME) % CELLS
    pieces = np.fft.irfft(spectra * _changes()[cells], _WINDOW, axis=1).astype(np.float32) * window
    added = np.zeros((len(spectra) + 1, _HOP), np.float32)
    added[:-1] += pieces[:, :_HOP]
    added[1:] += pieces[:, _HOP:]
    difference = added.reshape(-1)[lead : lead + audio.size]
    fade = min(_FADE, audio.size // 2)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    difference[:fade] *= ramp
    difference[audio.size - fade :] *= ramp[::-1]
    return difference


@cache
def _changes() -> Floats:
    """[CELLS, bins]: what is added to a bin of the spectrum, as a share of it."""
    louder = 10 ** (DEPTH_DB / 20)
    bands = np.floor((np.arange(_WINDOW // 2 + 1) * RATE / _WINDOW - LOWEST_HZ) / BAND_HZ).astype(int)
    inside = (bands >= 0) & (bands < BANDS)
    changes = np.zeros((CELLS, bands.size), np.float32)
    changes[:, inside] = np.where(signs()[:, bands[inside]] > 0, louder - 1.0, 1.0 / louder - 1.0)
    return changes
