"""Sets the pitch of a voice: shifts the predicted pitch curve to a median and scales it to a deviation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import log_f0, robust_deviation
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine_errors import VoiceNotMixable

_MIN_SLOPE, _MAX_SLOPE = 0.7, 1.25
"""Limits of the scaling of the melody; beyond them it sounds like another sentence."""
_MEASURED_ABOVE_PREDICTED: Final = 0.05
"""Initial estimate of the measured median minus the predicted one, in log Hz (0.9 semitones). A pitch estimator misses
weakly voiced frames, which have a low pitch."""

_SEMITONE: Final = float(np.log(2) / 12)
_HEARD_SHARE: Final = 0.93
"""The part of a move of the pitch curve that is heard: the median over ten stock voices moved by 2 and 6 semitones."""
_MAX_CORRECTION: Final = 2 * _SEMITONE
"""Of a shift: an estimate that is an octave off must not move the voice by one."""
_MIN_MEASURED_HZ: Final = 80.0
"""Half of a sentence with a lower middle is below what the estimate hears, so a shift to there is not corrected."""
_MIN_MEDIAN_HZ, _MAX_MEDIAN_HZ = 55.0, 420.0
"""Limits of the middle of a shifted pitch curve. The estimate of the pitch ends at 65 and 500 Hz (`audio/pitch.py`)."""


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


def with_mean_pitch(
    voice: EngineVoice,
    parts: Sequence[EngineVoice],
    weights: FloatArray,
    chunks: list[Chunk],
    synthesizer: Synthesizer,
) -> EngineVoice:
    """Set the middle of the pitch of `voice`, a mix, to the weighted mean of its parts' in log Hz. The middles are
    predicted, which is cheap, so they have the network's bias in common."""
    middles = [_middle(part, chunks, synthesizer) for part in parts]
    offset = float(weights @ middles) - _middle(voice, chunks, synthesizer)
    return voice.with_f0(offset=voice.f0_offset + offset, slope=voice.f0_slope, median=None)


def with_pitch_shift(
    voice: EngineVoice, semitones: float, chunks: list[Chunk], synthesizer: Synthesizer
) -> EngineVoice:
    """Move the heard pitch of `voice` by `semitones`. All `chunks` are spoken as they are and moved, and what is off
    is corrected. Raises VoiceNotMixable for a pitch that no voice has."""
    if semitones == 0.0:
        return voice
    predicted = [_PredictedChunk(chunk, voice, synthesizer) for chunk in chunks]
    wanted = semitones * _SEMITONE
    middle = voice.f0_slope * _median_log_f0(predicted) + voice.f0_offset + wanted
    if not _MIN_MEDIAN_HZ <= np.exp(middle) <= _MAX_MEDIAN_HZ:
        raise VoiceNotMixable(
            f"The voice would speak at about {np.exp(middle):.0f} Hz, and {_MIN_MEDIAN_HZ:.0f} to {_MAX_MEDIAN_HZ:.0f} "
            f"Hz is possible. Choose a smaller pitch than {semitones:+g}.",
            setting="pitch",
        )
    shift = wanted / _HEARD_SHARE
    if np.exp(middle) >= _MIN_MEASURED_HZ:
        heard = _heard_median(predicted, synthesizer, voice.f0_offset, voice.f0_slope)
        moved = _heard_median(predicted, synthesizer, voice.f0_offset + shift, voice.f0_slope)
        if heard is not None and moved is not None:
            shift += float(np.clip(heard + wanted - moved, -_MAX_CORRECTION, _MAX_CORRECTION))
    return voice.with_f0(offset=voice.f0_offset + shift, slope=voice.f0_slope, median=None)


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


def _middle(voice: EngineVoice, chunks: list[Chunk], synthesizer: Synthesizer) -> float:
    """The median of the pitch curve with which `voice` speaks `chunks`, log Hz."""
    predicted = _median_log_f0([_PredictedChunk(chunk, voice, synthesizer) for chunk in chunks])
    return voice.f0_slope * predicted + voice.f0_offset


def _heard_median(
    predicted: list[_PredictedChunk], synthesizer: Synthesizer, offset: float, slope: float
) -> float | None:
    """Speak the chunks and measure their median, log Hz; None without a voice."""
    tracks = [log_f0(one.synthesize(synthesizer, offset, slope), SAMPLE_RATE) for one in predicted]
    values = np.concatenate(tracks)
    return float(np.median(values)) if values.size else None


def _median_log_f0(predicted: list[_PredictedChunk]) -> float:
    """The median of the predicted curves, log Hz."""
    return float(np.median(np.concatenate([one.log_f0_curve for one in predicted])))
