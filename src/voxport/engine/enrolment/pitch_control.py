"""The pitch of a voice, set: the predicted curve is shifted to a median and stretched to a spread."""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, Floats
from voxport.audio.pitch import log_f0, spread
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import Voice

_NARROWEST, _WIDEST = 0.7, 1.25
"""How far the melody may be flattened or widened; beyond, it sounds like another sentence."""
_HEARD_ABOVE_PREDICTED: Final = 0.05
"""Log Hz (0.9 semitones): the first guess. What is heard has its median this much above the predicted curve's, as the
frames of weak voice, which lie low, are lost to an estimator."""


def tuned(
    voice: Voice,
    chunks: list[Chunk],
    synthesizer: Synthesizer,
    *,
    median: float,
    width: float | None = None,
    listened: int = 0,
    rounds: int = 2,
) -> tuple[Voice, Floats]:
    """`voice` with its pitch at `median` Hz, and its spread (deviation of log Hz) near `width` when given; and what
    was spoken last on the way (float32, 24 kHz, without the voice's tone), empty where nothing was.

    The curve is predicted for all `chunks`, which is cheap: the more of them, the less the result depends on one
    sentence's melody. The first `listened` of them are spoken and measured, `rounds` times, and what is off is
    corrected.
    """
    spoken = [_Spoken(chunk, voice, synthesizer) for chunk in chunks]
    middle = _middle(spoken)
    bias, slope, target = _HEARD_ABOVE_PREDICTED, 1.0, float(np.log(median))
    audio = np.empty(0, np.float32)
    for turn in range(rounds if listened else 0):
        offset = target - bias - slope * middle
        said = [one.said(synthesizer, offset, slope) for one in spoken[:listened]]
        audio = np.concatenate(said)
        heard = np.concatenate([log_f0(one, SAMPLE_RATE) for one in said])
        if not heard.size:
            break
        bias = float(np.median(heard)) - (slope * _middle(spoken[:listened]) + offset)
        if width is not None and turn == 0:
            slope = float(np.clip(width / max(spread(heard), 1e-3), _NARROWEST, _WIDEST))
    return voice.with_f0(offset=target - bias - slope * middle, slope=slope, median=median), audio


class _Spoken:
    """One chunk in one voice, its prediction kept: only the pitch changes from turn to turn."""

    def __init__(self, chunk: Chunk, voice: Voice, synthesizer: Synthesizer) -> None:
        self._style = voice.style(len(chunk.tokens))
        self._prediction = synthesizer.predict(chunk.tokens, self._style, voice.rate)
        self.curve = self._prediction.voiced_log_f0()

    def said(self, synthesizer: Synthesizer, offset: float, slope: float) -> Floats:
        return synthesizer.decode(self._prediction, self._style, f0_offset=offset, f0_slope=slope)


def _middle(spoken: list[_Spoken]) -> float:
    """The median of the predicted curves, log Hz."""
    return float(np.median(np.concatenate([one.curve for one in spoken])))
