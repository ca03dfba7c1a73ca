"""All speech equally loud: −18 LUFS (ITU-R BS.1770-4), with a true peak under −1 dB, piece by piece as it is made.

The gain follows from the loudness of all that the voice has said so far, not from the piece alone: a soft sentence
stays softer than its neighbours, and the gain changes only between pieces, where there is silence. A limiter that
looks ahead takes the peaks off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import soxr

from voxport.audio.arrays import SAMPLE_RATE, FloatArray

ComplexArray = np.ndarray[Any, np.dtype[np.complexfloating[Any, Any]]]

TARGET_LUFS: Final = -17.8
"""A little over −18: LAME, which makes the mp3s, takes 0.4 dB off whatever it is given."""

CEILING_DBTP: Final = -2.0
"""What a peak may reach before the audio is encoded. mp3 and Opus move peaks by some tenths of a decibel."""

_HOP: Final = SAMPLE_RATE // 10
_BLOCK_HOPS: Final = 4  # blocks of 400 ms that overlap by three quarters, as BS.1770-4 has them
_ABSOLUTE_GATE: Final = 10 ** ((-70 + 0.691) / 10)
_RELATIVE_GATE: Final = 0.1
_MAX_GAIN: Final = 10 ** (24 / 20)  # what is under −42 LUFS is no speech that wants to be heard
_LIMITER_FRAME_SAMPLES: Final = SAMPLE_RATE // 1000
_LOOKAHEAD_FRAMES: Final = 15  # frames (ms) before and behind a peak within which the gain goes down and up again


@dataclass(frozen=True)
class LoudnessState:
    """What a Leveller knows of the voice: the sum of the energy of `blocks` gated blocks of 400 ms."""

    energy: float = 0.0
    blocks: int = 0


class LoudnessNormalizer:
    """Makes the pieces of one text in one voice equally loud. With the `state` of another one it goes on where that
    one stopped, to the last bit."""

    def __init__(self, state: LoudnessState | None = None) -> None:
        self.state = state or LoudnessState()

    def process(self, audio: FloatArray) -> FloatArray:
        """A piece (float32 mono, 24 kHz, silent at both ends) at the target's level; as many samples."""
        self.observe(audio)
        return self.normalize(audio)

    def observe(self, audio: FloatArray) -> None:
        """Take the loudness of a piece into account, before any of it is levelled."""
        blocks = gated_blocks(audio)
        self.state = LoudnessState(self.state.energy + float(blocks.sum()), self.state.blocks + blocks.size)

    def normalize(self, audio: FloatArray) -> FloatArray:
        """A piece at the target's level by what was heard so far; as it is where all of that was silence."""
        if self.state.blocks == 0:
            return audio
        loudness = lufs(self.state.energy / self.state.blocks)
        gain = min(10 ** ((TARGET_LUFS - loudness) / 20), _MAX_GAIN)
        return limit_peaks((audio * gain).astype(np.float32))


def lufs(energy: float) -> float:
    """The loudness of one channel whose K-weighted mean square is `energy` > 0."""
    return -0.691 + 10 * math.log10(energy)


def gated_blocks(audio: FloatArray) -> FloatArray:
    """The K-weighted mean square of each block of 400 ms that passes BS.1770-4's two gates; of silence, none. Audio
    under 400 ms is one block, with silence behind it."""
    hops = max(audio.size // _HOP, _BLOCK_HOPS)
    weighted = np.zeros(hops * _HOP)
    weighted[: audio.size] = _k_weighted(audio)[: weighted.size]
    squares = np.square(weighted).reshape(hops, _HOP).mean(axis=1)
    blocks = np.convolve(squares, np.full(_BLOCK_HOPS, 1 / _BLOCK_HOPS), mode="valid")
    loud = blocks[blocks > _ABSOLUTE_GATE]
    return loud[loud > _RELATIVE_GATE * loud.mean()] if loud.size else loud


def limit_peaks(audio: FloatArray, ceiling_dbtp: float = CEILING_DBTP) -> FloatArray:
    """The audio (float32 mono, 24 kHz) with its true peaks, seen at four times the rate, at most at the ceiling."""
    ceiling = 10 ** (ceiling_dbtp / 20)
    if audio.size == 0 or np.abs(audio).max() < ceiling / 2:  # between its samples speech rises by less than 6 dB
        return audio
    frames = -(-audio.size // _LIMITER_FRAME_SAMPLES)
    oversampled = np.zeros(frames * _LIMITER_FRAME_SAMPLES * 4, np.float32)
    oversampled[: audio.size * 4] = soxr.resample(audio, SAMPLE_RATE, SAMPLE_RATE * 4)[: audio.size * 4]
    peaks = np.abs(oversampled).reshape(frames, -1).max(axis=1)
    frame_gains = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    # Each frame's gain is a mean of minima that all include it and its neighbours: never more than they need, also
    # where it is drawn as a line from one frame to the next.
    padded = np.pad(frame_gains, 2 * _LOOKAHEAD_FRAMES - 1, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * _LOOKAHEAD_FRAMES + 1).min(axis=1)
    window = np.hanning(2 * _LOOKAHEAD_FRAMES + 1)[1:-1]
    gains = np.convolve(lowest, window / window.sum(), mode="valid")
    centres = (np.arange(frames) + 0.5) * _LIMITER_FRAME_SAMPLES
    curve: FloatArray = np.interp(np.arange(audio.size) + 0.5, centres, gains)
    return (audio * curve).astype(np.float32)


def _k_weighted(audio: FloatArray) -> FloatArray:
    """BS.1770's two filters, applied to the spectrum. The silence behind the audio takes what the filters ring on."""
    size = audio.size + SAMPLE_RATE // 2
    size += -size % _HOP  # keeps the transform's length a product of small primes
    spectrum = np.fft.rfft(audio, size) * _k_response(size)
    weighted: FloatArray = np.fft.irfft(spectrum, size)[: audio.size]
    return weighted


def _k_response(size: int) -> ComplexArray:
    """What the two filters do to each frequency of a transform of `size` samples: four decibels more above 1.7 kHz,
    as a head makes them, and nothing under 38 Hz. They are the analogue filters whose parameters give BS.1770-4's
    tables at 48 kHz (De Man, AES 145, 2018), taken to 24 kHz by the bilinear transform."""
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    high = 10 ** (3.999843853973347 / 20)
    shelf_k, shelf_q = math.tan(math.pi * 1681.974450955533 / SAMPLE_RATE), 0.7071752369554196
    band = high**0.4996667741545416 * shelf_k / shelf_q
    shelf = _quadratic(delay, high + band + shelf_k**2, 2 * (shelf_k**2 - high), high - band + shelf_k**2)
    pass_k, pass_q = math.tan(math.pi * 38.13547087602444 / SAMPLE_RATE), 0.5003270373238773
    gain = 1 + pass_k / pass_q + pass_k**2  # the tables leave it in
    high_pass = _quadratic(delay, gain, -2 * gain, gain)
    response: ComplexArray = shelf / _poles(delay, shelf_k, shelf_q) * high_pass / _poles(delay, pass_k, pass_q)
    return response


def _poles(delay: ComplexArray, k: float, quality: float) -> ComplexArray:
    return _quadratic(delay, 1 + k / quality + k * k, 2 * (k * k - 1), 1 - k / quality + k * k)


def _quadratic(delay: ComplexArray, first: float, second: float, third: float) -> ComplexArray:
    return first + second * delay + third * delay * delay
