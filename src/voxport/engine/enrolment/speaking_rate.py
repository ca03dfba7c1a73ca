"""Estimates a speaker's syllable rate from a recording without its transcript, and sets the rate of a voice to match.

A syllable is a peak of the loudness between 300 and 2,500 Hz, where vowels are strong and hiss and hum are weak, after
de Jong and Wempe (2009). The count is rough: over 71 recordings of 3 to 16 s with known transcripts its error is 10 %
(one standard deviation), while the recordings themselves differ by 13 %. So the voice follows only part of the
measured difference (`_RATE_EXPONENT`).
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
"""Length of the window that smooths the loudness: a syllable lasts 100 ms or more."""
_MIN_PROMINENCE_DB: Final = 2.0  # of a peak above the dips beside it
_MAX_BELOW_LOUD_DB: Final = 25.0  # of a syllable's peak below the loud frames
_MAX_GAP_FRAMES: Final = 15  # shorter gaps count as speech
_MEAN_COUNTED_RATE, _MEAN_TRUE_RATE = 4.4, 4.7
"""Syllables per second as counted here and by the transcripts: means of the eight recordings that
`benchmarks/quality/engine.py` clones."""
_RATE_EXPONENT: Final = 0.7
"""Exponent of a count's ratio to the mean count: the best on average for 71 recordings."""
_MIN_RATE, _MAX_RATE = 0.75, 1.25
"""Limits relative to the network's own rate. Stock voices speak 4.8 syllables per second, people read 3.7 to 5.7."""
_VOWELS: Final = frozenset(to_tokens("aeiouæɑɒɔəɛɜɪʊʌɐᵻᵊyøAIOQWY"))
_NON_SPEECH_SECONDS: Final = 1.05
"""Seconds of a prediction without speech: before and after the sentence, and its soft ends."""
_FRAME_RATE: Final = 40.0  # of the predictor's features, Hz


def syllable_rate(audio: FloatArray) -> float | None:
    """Syllables per second of speech, without pauses, in float32 mono at 24 kHz; None when there are none."""
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
    """Set the rate of `voice` to that of a speaker with `measured_rate` counted syllables per second. The voice's own
    rate is predicted on `chunks`, which must be sentences without pauses."""
    if measured_rate is None:
        return voice
    target_rate = _MEAN_TRUE_RATE * (measured_rate / _MEAN_COUNTED_RATE) ** _RATE_EXPONENT
    syllables = sum(token in _VOWELS for chunk in chunks for token in chunk.tokens)
    predictions = [synthesizer.predict(chunk.tokens, voice.style(len(chunk.tokens)), 1.0) for chunk in chunks]
    seconds = sum(one.features.shape[2] / _FRAME_RATE - _NON_SPEECH_SECONDS for one in predictions)
    return voice.with_rate(float(np.clip(target_rate * seconds / syllables, _MIN_RATE, _MAX_RATE)))


def _band_levels(audio: FloatArray) -> FloatArray:
    """The smoothed level of the vowel band in dB, 100 frames per second."""
    if audio.size < _WINDOW:
        return np.empty(0)
    frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    power = np.abs(np.fft.rfft(frames, _FFT, axis=1)) ** 2
    power = power[:, (frequencies >= _MIN_HZ) & (frequencies <= _MAX_HZ)].sum(axis=1)
    window = np.hanning(_SMOOTHING_FRAMES + 2)[1:-1]
    return np.asarray(10 * np.log10(np.convolve(power, window / window.sum(), mode="same") + 1e-10))


def _count_peaks(levels: FloatArray, threshold: float) -> int:
    """Count the peaks above `threshold` with a prominence of at least _MIN_PROMINENCE_DB: the height above the deepest
    dip towards higher levels on each side."""
    count, dip, peak = 0, levels[0], -np.inf
    for level in levels[1:]:
        if peak == -np.inf:  # falling or at a dip: a sufficient rise starts a peak
            dip = min(dip, level)
            if level - dip >= _MIN_PROMINENCE_DB:
                peak = level
        else:
            peak = max(peak, level)
            if peak - level >= _MIN_PROMINENCE_DB:
                count += peak > threshold
                dip, peak = level, -np.inf
    return count
