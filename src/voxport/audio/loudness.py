"""Normalises speech piece by piece to −18 LUFS (ITU-R BS.1770-4) with a true peak below −1 dB.

The gain depends on the loudness of all pieces of the voice so far, not on one piece alone: a soft sentence stays softer
than its neighbours, and the gain changes only between pieces, where there is silence. A look-ahead limiter reduces the
peaks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import soxr

from voxport.audio.arrays import SAMPLE_RATE, FloatArray

ComplexArray = np.ndarray[Any, np.dtype[np.complexfloating[Any, Any]]]

TARGET_LUFS: Final = -17.8
"""Slightly above −18, because LAME, the mp3 encoder, reduces the level by 0.4 dB."""

CEILING_DBTP: Final = -2.0
"""Maximum true peak before encoding. mp3 and Opus change peaks by some tenths of a decibel."""

_HOP: Final = SAMPLE_RATE // 10
_BLOCK_HOPS: Final = 4  # blocks of 400 ms that overlap by three quarters, as in BS.1770-4
_ABSOLUTE_GATE: Final = 10 ** ((-70 + 0.691) / 10)
_RELATIVE_GATE: Final = 0.1
_MAX_GAIN: Final = 10 ** (24 / 20)  # audio below −42 LUFS is not intended speech
_LIMITER_FRAME_SAMPLES: Final = SAMPLE_RATE // 1000
_LOOKAHEAD_FRAMES: Final = 15  # frames (ms) before and after a peak over which the gain falls and recovers


@dataclass(frozen=True)
class LoudnessState:
    """State of a LoudnessNormalizer: the total energy of `blocks` gated blocks of 400 ms."""

    energy: float = 0.0
    blocks: int = 0


class LoudnessNormalizer:
    """Normalises the pieces of one text in one voice. With the `state` of another instance, it continues bit-exactly
    where that one stopped."""

    def __init__(self, state: LoudnessState | None = None) -> None:
        self.state = state or LoudnessState()

    def process(self, audio: FloatArray) -> FloatArray:
        """Observes and normalises a piece (float32 mono, 24 kHz, silent at both ends). Keeps the number of samples."""
        self.observe(audio)
        return self.normalize(audio)

    def observe(self, audio: FloatArray) -> None:
        """Adds the loudness of a piece to the state, before any of the piece is normalised."""
        blocks = gated_blocks(audio)
        self.state = LoudnessState(self.state.energy + float(blocks.sum()), self.state.blocks + blocks.size)

    def normalize(self, audio: FloatArray) -> FloatArray:
        """Applies the gain of the current state to a piece. Returns it unchanged if everything so far was silence."""
        if self.state.blocks == 0:
            return audio
        loudness = lufs(self.state.energy / self.state.blocks)
        gain = min(10 ** ((TARGET_LUFS - loudness) / 20), _MAX_GAIN)
        return limit_peaks((audio * gain).astype(np.float32))


def lufs(energy: float) -> float:
    """Returns the loudness (LUFS) of one channel whose K-weighted mean square is `energy` > 0."""
    return -0.691 + 10 * math.log10(energy)


def gated_blocks(audio: FloatArray) -> FloatArray:
    """Returns the K-weighted mean square of each block of 400 ms that passes BS.1770-4's two gates; none for silence.
    Audio shorter than 400 ms is padded with silence to one block."""
    hops = max(audio.size // _HOP, _BLOCK_HOPS)
    weighted = np.zeros(hops * _HOP)
    weighted[: audio.size] = _k_weighted(audio)[: weighted.size]
    squares = np.square(weighted).reshape(hops, _HOP).mean(axis=1)
    blocks = np.convolve(squares, np.full(_BLOCK_HOPS, 1 / _BLOCK_HOPS), mode="valid")
    loud = blocks[blocks > _ABSOLUTE_GATE]
    return loud[loud > _RELATIVE_GATE * loud.mean()] if loud.size else loud


def limit_peaks(audio: FloatArray, ceiling_dbtp: float = CEILING_DBTP) -> FloatArray:
    """Limits the true peaks of the audio (float32 mono, 24 kHz), measured at four times the rate, to the ceiling."""
    ceiling = 10 ** (ceiling_dbtp / 20)
    if audio.size == 0 or np.abs(audio).max() < ceiling / 2:  # inter-sample peaks of speech are less than 6 dB higher
        return audio
    frames = -(-audio.size // _LIMITER_FRAME_SAMPLES)
    oversampled = np.zeros(frames * _LIMITER_FRAME_SAMPLES * 4, np.float32)
    oversampled[: audio.size * 4] = soxr.resample(audio, SAMPLE_RATE, SAMPLE_RATE * 4)[: audio.size * 4]
    peaks = np.abs(oversampled).reshape(frames, -1).max(axis=1)
    frame_gains = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    # Each frame's gain is a mean of minima that all include the frame and its neighbours, so it never exceeds what they
    # allow, even when it is interpolated between frames.
    padded = np.pad(frame_gains, 2 * _LOOKAHEAD_FRAMES - 1, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * _LOOKAHEAD_FRAMES + 1).min(axis=1)
    window = np.hanning(2 * _LOOKAHEAD_FRAMES + 1)[1:-1]
    gains = np.convolve(lowest, window / window.sum(), mode="valid")
    centres = (np.arange(frames) + 0.5) * _LIMITER_FRAME_SAMPLES
    curve: FloatArray = np.interp(np.arange(audio.size) + 0.5, centres, gains)
    return (audio * curve).astype(np.float32)


def _k_weighted(audio: FloatArray) -> FloatArray:
    """Applies BS.1770's two filters in the frequency domain. Silence is appended to hold the filters' ringing."""
    size = audio.size + SAMPLE_RATE // 2
    size += -size % _HOP  # the length is a product of small primes, and one of few, so that its response is at hand
    spectrum = np.fft.rfft(audio, size) * _k_response(size)
    weighted: FloatArray = np.fft.irfft(spectrum, size)[: audio.size]
    return weighted


@lru_cache(maxsize=8)
def _k_response(size: int) -> ComplexArray:
    """Returns the response of the two filters at each frequency of a transform of `size` samples: 4 dB more above
    1.7 kHz, for the effect of the head, and a high-pass at 38 Hz. The filters are the analogue ones whose parameters
    give BS.1770-4's tables at 48 kHz (De Man, AES 145, 2018), converted to 24 kHz by the bilinear transform."""
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    high = 10 ** (3.999843853973347 / 20)
    shelf_k, shelf_q = math.tan(math.pi * 1681.974450955533 / SAMPLE_RATE), 0.7071752369554196
    band = high**0.4996667741545416 * shelf_k / shelf_q
    shelf = _quadratic(delay, high + band + shelf_k**2, 2 * (shelf_k**2 - high), high - band + shelf_k**2)
    pass_k, pass_q = math.tan(math.pi * 38.13547087602444 / SAMPLE_RATE), 0.5003270373238773
    gain = 1 + pass_k / pass_q + pass_k**2  # the tables keep this gain in the numerator
    high_pass = _quadratic(delay, gain, -2 * gain, gain)
    response: ComplexArray = shelf / _poles(delay, shelf_k, shelf_q) * high_pass / _poles(delay, pass_k, pass_q)
    return response.astype(np.complex64)


def _poles(delay: ComplexArray, k: float, quality: float) -> ComplexArray:
    return _quadratic(delay, 1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k)


def _quadratic(delay: ComplexArray, first: float, second: float, third: float) -> ComplexArray:
    return first + second * delay + third * delay * delay
