"""How fast somebody speaks: the syllables in a second of a recording whose words nobody knows, and the rate at which a
voice has to speak to have as many.

A syllable is a peak of the loudness between 300 and 2,500 Hz, where vowels are strong and hiss and hum are not, after
de Jong and Wempe (2009). Such a count is rough: over 71 recordings of 3 to 16 s whose words are known it lies 10 % off
(one standard deviation), where the recordings themselves differ by 13 %. So only a part of what it says is believed.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, Floats
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import Voice
from voxport.text.phonemes import to_tokens

_LOWEST, _HIGHEST = 300.0, 2_500.0  # Hz
_WINDOW: Final = 600  # samples: 25 ms
_FFT: Final = 1024
_HOP: Final = 240  # samples: 100 frames a second
_SMOOTH: Final = 9  # frames, of the window that the loudness is averaged with: a syllable lasts 100 ms or more
_RISE: Final = 2.0  # dB, that a peak stands out of the dips beside it
_SOFTEST: Final = 25.0  # dB under the loud frames, below which nothing is a syllable
_PAUSE: Final = 15  # frames, up to which a gap belongs to the speech
_COUNTED, _USUAL = 4.4, 4.7
"""Syllables a second, as counted here and as the words have them: the means of the eight recordings that
`benchmarks/engine.py` clones."""
_BELIEVED: Final = 0.7
"""Of how far a recording's count is from the usual (in its logarithm); what is right on average for 71 recordings."""
_SLOWEST, _FASTEST = 0.75, 1.25
"""How far the network's own rate is left. Stock voices speak 4.8 syllables a second, people read 3.7 to 5.7."""
_VOWELS: Final = frozenset(to_tokens("aeiouæɑɒɔəɛɜɪʊʌɐᵻᵊyøAIOQWY"))
_EDGE: Final = 1.05
"""Seconds of a prediction that are not speech: before and after the sentence, and its soft ends."""
_FRAME_RATE: Final = 40.0  # of the predictor's features, Hz


def syllable_rate(audio: Floats) -> float | None:
    """Syllables in a second of speech, pauses left out, in float32 mono at 24 kHz; None where none is heard."""
    loudness = _loudness(audio)
    if not loudness.size:
        return None
    softest = float(np.percentile(loudness, 95)) - _SOFTEST
    loud = np.flatnonzero(loudness > softest)
    gaps = np.diff(loud) - 1
    seconds = (loud.size + gaps[gaps < _PAUSE].sum()) * _HOP / SAMPLE_RATE
    peaks = _peaks(loudness, softest)
    return peaks / seconds if peaks else None


def paced(voice: Voice, chunks: list[Chunk], synthesizer: Synthesizer, *, heard: float | None) -> Voice:
    """`voice` at the rate of a speaker of whom `heard` syllables a second were counted. What the voice has by itself is
    predicted for `chunks`, sentences without pauses."""
    if heard is None:
        return voice
    wanted = _USUAL * (heard / _COUNTED) ** _BELIEVED
    syllables = sum(token in _VOWELS for chunk in chunks for token in chunk.tokens)
    predictions = [synthesizer.predict(chunk.tokens, voice.style(len(chunk.tokens)), 1.0) for chunk in chunks]
    seconds = sum(one.features.shape[2] / _FRAME_RATE - _EDGE for one in predictions)
    return voice.with_rate(float(np.clip(wanted * seconds / syllables, _SLOWEST, _FASTEST)))


def _loudness(audio: Floats) -> Floats:
    """dB, 100 a second."""
    if audio.size < _WINDOW:
        return np.empty(0)
    frames = np.lib.stride_tricks.sliding_window_view(audio, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    power = np.abs(np.fft.rfft(frames, _FFT, axis=1)) ** 2
    power = power[:, (frequencies >= _LOWEST) & (frequencies <= _HIGHEST)].sum(axis=1)
    window = np.hanning(_SMOOTH + 2)[1:-1]
    return np.asarray(10 * np.log10(np.convolve(power, window / window.sum(), mode="same") + 1e-10))


def _peaks(loudness: Floats, softest: float) -> int:
    """The peaks above `softest` that stand _RISE dB or more above the deepest dip on the way to the higher ground at
    each side."""
    count, valley, summit = 0, loudness[0], -np.inf
    for here in loudness[1:]:
        if summit == -np.inf:  # on the way down, or at the bottom: a rise begins a hill
            valley = min(valley, here)
            if here - valley >= _RISE:
                summit = here
        else:
            summit = max(summit, here)
            if summit - here >= _RISE:
                count += summit > softest
                valley, summit = here, -np.inf
    return count
