"""Sets the pitch of a voice: shifts the predicted pitch curve to a median and scales it to a deviation."""

from __future__ import annotations

from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import log_f0, robust_deviation
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import EngineVoice

_MIN_SLOPE, _MAX_SLOPE = 0.7, 1.25
"""Limits of the scaling of the melody; beyond them it sounds like another sentence."""
_MEASURED_ABOVE_PREDICTED: Final = 0.05
"""Initial estimate of the measured median minus the predicted one, in log Hz (0.9 semitones). A pitch estimator misses
weakly voiced frames, which have a low pitch."""


def with_pitch(
    voice: EngineVoice,
    chunks: list[Chunk],
    synthesizer: Synthesizer,
    *,
    median: float,
    log_f0_deviation: float | None = None,
    measured_count: int = 0,
    iterations: int = 2,
) -> tuple[EngineVoice, FloatArray]:
    """Set the median pitch of `voice` to `median` Hz and, when given, its deviation to about `log_f0_deviation` log Hz.

    Returns (voice, audio): `audio` is the speech of the last iteration (float32, 24 kHz, without the voice's EQ), empty
    when nothing was spoken.

    The curve is predicted for all `chunks`, which is cheap; the more chunks, the less the result depends on the melody
    of one sentence. The first `measured_count` chunks are spoken and measured `iterations` times to correct the error.
    """
    predicted = [_PredictedChunk(chunk, voice, synthesizer) for chunk in chunks]
    predicted_median = _median_log_f0(predicted)
    bias, slope, target = _MEASURED_ABOVE_PREDICTED, 1.0, float(np.log(median))
    audio = np.empty(0, np.float32)
    for iteration in range(iterations if measured_count else 0):
        offset = target - bias - slope * predicted_median
        clips = [one.synthesize(synthesizer, offset, slope) for one in predicted[:measured_count]]
        audio = np.concatenate(clips)
        measured = np.concatenate([log_f0(one, SAMPLE_RATE) for one in clips])
        if not measured.size:
            break
        bias = float(np.median(measured)) - (slope * _median_log_f0(predicted[:measured_count]) + offset)
        if log_f0_deviation is not None and iteration == 0:
            slope = float(np.clip(log_f0_deviation / max(robust_deviation(measured), 1e-3), _MIN_SLOPE, _MAX_SLOPE))
    return voice.with_f0(offset=target - bias - slope * predicted_median, slope=slope, median=median), audio


class _PredictedChunk:
    """A chunk with its prediction in one voice, reused by all iterations because only the pitch changes."""

    def __init__(self, chunk: Chunk, voice: EngineVoice, synthesizer: Synthesizer) -> None:
        self._style = voice.style(len(chunk.tokens))
        self._adain_offsets = voice.adain_offsets
        self._prediction = synthesizer.predict(chunk.tokens, self._style, voice.rate)
        self.log_f0_curve = self._prediction.voiced_log_f0()

    def synthesize(self, synthesizer: Synthesizer, offset: float, slope: float) -> FloatArray:
        return synthesizer.decode(
            self._prediction, self._style, adain_offsets=self._adain_offsets, f0_offset=offset, f0_slope=slope
        )


def _median_log_f0(predicted: list[_PredictedChunk]) -> float:
    """The median of the predicted curves, log Hz."""
    return float(np.median(np.concatenate([one.log_f0_curve for one in predicted])))
