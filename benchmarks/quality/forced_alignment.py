"""Finds when words are spoken with a judge that knows nothing of the engine: pocketsphinx's hidden Markov models.

They are of American English; other languages' sounds are given to them as the nearest ones (`_PHONES`), which is how
under-resourced languages are aligned in the field, and moves boundaries less than the models' frame of 10 ms lets
expect: where a pause stands before a word, `energy_onset` tells the true start, and both are compared with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import soxr

from voxport.audio.arrays import SAMPLE_RATE, FloatArray, Pcm
from voxport.audio.trim import FRAME_SAMPLES, frame_rms

_RATE: Final = 16_000
_FRAME_SECONDS: Final = 0.01
_CENTRE_SECONDS: Final = 0.0078
"""A boundary between two frames lies between the centres of their windows of 25.6 ms, not where the later begins."""
_QUIET_SECONDS: Final = 0.2
"""Silence that the models need at both ends."""
_MIN_PAUSE_FRAMES: Final = 6
_PAUSE_RATIO: Final = 10 ** (-38 / 20)

# fmt: off
_PHONES: Final = {
    "a": "AA", "ɑ": "AA", "ɐ": "AH", "ɒ": "AA", "æ": "AE", "ə": "AH", "ɚ": "ER", "ɛ": "EH", "ɜ": "ER", "e": "EY",
    "i": "IY", "ɪ": "IH", "o": "OW", "ɔ": "AO", "u": "UW", "ʊ": "UH", "ʌ": "AH", "y": "IY", "ø": "ER", "œ": "ER",
    "ɯ": "UH", "ɤ": "AH", "ɨ": "IH", "ᵻ": "IH", "ᵊ": "AH", "ɘ": "AH", "ɵ": "AH", "A": "EY", "I": "AY", "W": "AW",
    "Y": "OY", "O": "OW", "Q": "OW", "b": "B", "d": "D", "f": "F", "h": "HH", "ɡ": "G", "k": "K", "l": "L", "m": "M",
    "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "ɾ": "D", "T": "D", "t": "T", "s": "S", "z": "Z", "ʃ": "SH",
    "ʒ": "ZH", "ʧ": "CH", "ʤ": "JH", "θ": "TH", "ð": "DH", "v": "V", "w": "W", "j": "Y", "ç": "HH", "x": "HH",
    "ɣ": "G", "ɲ": "N", "ʎ": "L", "β": "V", "ʂ": "SH", "ʈ": "T", "ɖ": "D", "ɳ": "N", "ɽ": "D", "ʁ": "R", "χ": "HH",
    "q": "K", "ʣ": "Z", "ʦ": "T S", "ʨ": "CH", "ʥ": "JH", "ɕ": "SH", "ʑ": "ZH", "ɸ": "F", "c": "K", "ɟ": "G",
    "ʝ": "Y", "ɻ": "R", "ɰ": "W", "ɥ": "Y", "ʋ": "V", "S": "S", "ɴ": "NG", "ʀ": "R", "ɬ": "L", "ɭ": "L", "ʐ": "ZH",
    "g": "G",
}
# fmt: on


class ForcedAligner:
    """pocketsphinx 5.1 (BSD) with the models of its wheel."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder: Any = Decoder(lm=None, loglevel="FATAL", beam=1e-100, wbeam=1e-100, pbeam=1e-100, bestpath=False)
        self._known: set[str] = set()

    def align(self, samples: Pcm, words: Sequence[str]) -> list[tuple[float, float]] | None:
        """Return the start and end of each word in seconds; `words` are their symbols. None if the models don't find
        them in the audio, or a word has no sound."""
        phones = [_phones(symbols) for symbols in words]
        if not all(phones):
            return None
        names = [f"_{'_'.join(one.split())}" for one in phones]
        for name, one in zip(names, phones, strict=True):
            if name not in self._known:
                self._known.add(name)
                self._decoder.add_word(name, one, True)
        audio = np.asarray(soxr.resample(samples, SAMPLE_RATE, _RATE), np.int16)
        quiet = np.random.default_rng(1).integers(-6, 7, round(_QUIET_SECONDS * _RATE)).astype(np.int16)
        content = np.concatenate([quiet, audio + np.resize(quiet, audio.size), quiet])
        self._decoder.set_align_text(" ".join(names))
        self._decoder.start_utt()
        self._decoder.process_raw(content.tobytes(), full_utt=True)
        self._decoder.end_utt()
        shift = _CENTRE_SECONDS - _QUIET_SECONDS
        found = [
            (one.start_frame * _FRAME_SECONDS + shift, (one.end_frame + 1) * _FRAME_SECONDS + shift)
            for one in self._decoder.seg()
            if not one.word.startswith(("<", "["))
        ]
        return found if len(found) == len(names) else None


def energy_onset(samples: Pcm, near: float, *, window: float = 0.1) -> float | None:
    """Return when the sound after a pause of 60 ms or more begins, if there is exactly one within `window` seconds of
    `near`; known to 10 ms."""
    loudness: FloatArray = frame_rms(samples.astype(np.float32))
    is_loud = np.concatenate([[False], loudness > _PAUSE_RATIO * loudness.max()])
    rises = np.flatnonzero(is_loud[1:] & ~is_loud[:-1])
    found = [
        int(rise)
        for rise in rises
        if not is_loud[max(0, rise + 1 - _MIN_PAUSE_FRAMES) : rise + 1].any()
        and abs(rise * FRAME_SAMPLES / SAMPLE_RATE - near) <= window
    ]
    return found[0] * FRAME_SAMPLES / SAMPLE_RATE if len(found) == 1 else None


def _phones(symbols: str) -> str:
    return " ".join(_PHONES[symbol] for symbol in symbols if symbol in _PHONES)
