"""How fast somebody speaks: the syllables in a second of a recording whose words nobody knows, and the rate at which a
voice has to speak to have as many.

A syllable is a peak of the loudness between 300 and 2,500 Hz, where vowels are strong and hiss and hum are not, after
de Jong and Wempe (2009). Such a count is rough: over 71 recordings of 3 to 16 s whose words are known it lies 10 % off
(one standard deviation), where the recordings themselves differ by 13 %. So only a part of what it says is believed.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import EngineVoice
from voxport.text.phonemes import to_tokens

_MIN_HZ, _MAX_HZ = 300.0, 2_500.0  # Hz
_WINDOW: Final = 600  # samples: 25 ms
_FFT: Final = 1024
_HOP: Final = 240  # samples: 100 frames a second
_SMOOTHING_FRAMES: Final = 9
"""Of the window that the loudness is averaged with: a syllable lasts 100 ms or more."""
_MIN_PROMINENCE_DB: Final = 2.0  # dB, that a peak stands out of the dips beside it
_MAX_BELOW_LOUD_DB: Final = 25.0  # dB under the loud frames, below which nothing is a syllable
_MAX_GAP_FRAMES: Final = 15  # frames, up to which a gap belongs to the speech
_MEAN_COUNTED_RATE, _MEAN_TRUE_RATE = 4.4, 4.7
"""Syllables a second, as counted here and as the words have them: the means of the eight recordings that
`benchmarks/quality/engine.py` clones."""
_RATE_EXPONENT: Final = 0.7
"""Of how far a recording's count is from the usual (in its logarithm); what is right on average for 71 recordings."""
_MIN_RATE, _MAX_RATE = 0.75, 1.25
"""How far the network's own rate is left. Stock voices speak 4.8 syllables a second, people read 3.7 to 5.7."""
_VOWELS: Final = frozenset(to_tokens("aeiouæɑɒɔəɛɜɪʊʌɐᵻᵊyøAIOQWY"))
_NON_SPEECH_SECONDS: Final = 1.05
"""Seconds of a prediction that are not speech: before and after the sentence, and its soft ends."""
_FRAME_RATE: Final = 40.0  # of the predictor's features, Hz


def syllable_rate(audio: FloatArray) -> float | None:
    """Syllables in a second of speech, pauses left out, in float32 mono at 24 kHz; None where none is heard."""
    levels = _band_levels(audio)
    if not levels.size:
        return None
    threshold = float(np.percentile(levels, 95)) - _MAX_BELOW_LOUD_DB
    loud = np.flatnonzero(levels > threshold)
    gaps = np.diff(loud) - 1
    seconds = (loud.size + gaps[gaps < _MAX_GAP_FRAMES].sum()) * _HOP / SAMPLE_RATE
    peaks = _count_peaks(levels, threshold)
    return peaks / seconds if peaks else None


def with_speaking_rate(
    voice: EngineVoice, chunks: list[Chunk], synthesizer: Synthesizer, *, measured_rate: float | None
) -> EngineVoice:
    """`voice` at the rate of a speaker of whom `measured_rate` syllables a second were counted. What the voice has by
    itself is predicted for `chunks`, sentences without pauses."""
    if measured_rate is None:
        return voice
    target_rate = _MEAN_TRUE_RATE * (measured_rate / _MEAN_COUNTED_RATE) ** _RATE_EXPONENT
    syllables = sum(token in _VOWELS for chunk in chunks for token in chunk.tokens)
    predictions = [synthesizer.predict(chunk.tokens, voice.style(len(chunk.tokens)), 1.0) for chunk in chunks]
    seconds = sum(one.features.shape[2] / _FRAME_RATE - _NON_SPEECH_SECONDS for one in predictions)
    return voice.with_rate(float(np.clip(target_rate * seconds / syllables, _MIN_RATE, _MAX_RATE)))


def _band_levels(audio: FloatArray) -> FloatArray:
    """dB, 100 a second."""
    if audio.size < _WINDOW:
        return np.empty(0)
    frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    power = np.abs(np.fft.rfft(frames, _FFT, axis=1)) ** 2
    power = power[:, (frequencies >= _MIN_HZ) & (frequencies <= _MAX_HZ)].sum(axis=1)
    window = np.hanning(_SMOOTHING_FRAMES + 2)[1:-1]
    return np.asarray(10 * np.log10(np.convolve(power, window / window.sum(), mode="same") + 1e-10))


def _count_peaks(levels: FloatArray, threshold: float) -> int:
    """The peaks above `threshold` that stand _MIN_PROMINENCE_DB dB or more above the deepest dip on the way to the
    higher ground at each side."""
    count, dip, peak = 0, levels[0], -np.inf
    for level in levels[1:]:
        if peak == -np.inf:  # on the way down, or at the bottom: a rise begins a hill
            dip = min(dip, level)
            if level - dip >= _MIN_PROMINENCE_DB:
                peak = level
        else:
            peak = max(peak, level)
            if peak - level >= _MIN_PROMINENCE_DB:
                count += peak > threshold
                dip, peak = level, -np.inf
    return count
