"""Runs the network: from tokens and a style to audio, with a pitch curve that the caller can change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.onnx_sessions import open_session
from voxport.engine.kokoro.adain import ADAIN_INPUT, NO_OFFSETS
from voxport.engine.kokoro.chunk import ProsodySpan
from voxport.engine.kokoro.synthesis import IntArray, Synthesis
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine.kokoro.weights import SplitModel

MIN_VOICED_HZ: Final = 10.0
"""Kokoro's source module makes a tone above this pitch, and noise below it."""
FRAME_SAMPLES: Final = SAMPLE_RATE // 40
"""Samples of one frame of the predictor."""
_HALF_FRAME_SAMPLES: Final = FRAME_SAMPLES // 2
_LEAD_HALF_FRAMES: Final = 5
"""Half frames by which a token is heard before the frames that the predictor gives it: the median over 450 lines in
nine languages (`benchmarks/quality/word_times.py`). The pitch curve has no such lead: its frames are heard where they
stand."""
_MIN_RATE, _MAX_RATE = 0.25, 4.0
_SEMITONE: Final = float(np.log(2) / 12)


@dataclass(frozen=True)
class Prediction:
    """The predictor's outputs: `features` [1, 512, frames] (40 per second), per half frame (80 per second) the pitch
    `f0` in Hz and the `noise`, each [1, 2 x frames], and `durations` [tokens + 2], the frames of each token and of the
    boundary tokens around them."""

    features: FloatArray
    f0: FloatArray
    noise: FloatArray
    durations: IntArray

    def voiced_log_f0(self) -> FloatArray:
        """Natural logarithms of the pitch (Hz) of the voiced frames; empty for unvoiced speech."""
        return np.log(self.f0[self.f0 > MIN_VOICED_HZ])


class Synthesizer:
    """Kokoro as two models. Not thread-safe."""

    def __init__(self, model: SplitModel, *, threads: int) -> None:
        self._predictor = open_session(model.predictor, threads)
        self._decoder = open_session(model.decoder, threads)
        self._takes_offsets = ADAIN_INPUT in self._decoder.input_names  # not before `build_split_model`

    def synthesize(
        self, tokens: tuple[int, ...], voice: EngineVoice, speed: float = 1.0, prosody: Sequence[ProsodySpan] = ()
    ) -> Synthesis:
        """Speak `tokens` in `voice`, without the voice's EQ and the levels of `prosody`."""
        style = voice.style(len(tokens))
        prediction = self.predict(tokens, style, _token_speeds(len(tokens), speed * voice.rate, prosody))
        audio = self.decode(
            _with_pitch(prediction, prosody),
            style,
            adain_offsets=voice.adain_offsets,
            f0_offset=voice.f0_offset,
            f0_slope=voice.f0_slope,
        )
        return Synthesis(audio, _heard_half_frames(prediction)[:-1] * _HALF_FRAME_SAMPLES)

    def predict(self, tokens: tuple[int, ...], style: FloatArray, speed: float | FloatArray) -> Prediction:
        """Predict from at most 510 `tokens` without boundary tokens and a `style` float32 [256]. `speed` 1 is the
        network's own; it may be one number for each token and the two boundary tokens, [tokens + 2]."""
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style.reshape(1, 256).astype(np.float32),
            "speed": np.atleast_1d(np.asarray(speed, np.float32)),
        }
        return Prediction(*self._predictor.run(["features", "f0", "noise", "durations"], inputs))

    def decode(
        self,
        prediction: Prediction,
        style: FloatArray,
        *,
        adain_offsets: FloatArray = NO_OFFSETS,
        f0_offset: float = 0.0,
        f0_slope: float = 1.0,
    ) -> FloatArray:
        """Decode a prediction in the timbre of `style` [256] and `adain_offsets` (`adain.py`), with a scaled pitch
        curve: float32 [samples], 24 kHz."""
        inputs = {
            "style": style.reshape(1, 256).astype(np.float32),
            "features": prediction.features,
            "f0": scale_pitch_curve(prediction.f0, offset=f0_offset, slope=f0_slope),
            "noise": prediction.noise,
        }
        if self._takes_offsets:
            inputs[ADAIN_INPUT] = adain_offsets[None]
        audio: FloatArray = self._decoder.run(["audio"], inputs)[0]
        return audio


def scale_pitch_curve(f0: FloatArray, *, offset: float, slope: float) -> FloatArray:
    """Scale the voiced part of a pitch curve: `log f0 = slope x log f0 + offset`. Unchanged at offset 0 and slope 1."""
    if offset == 0.0 and slope == 1.0:
        return f0
    log_f0 = np.log(np.maximum(f0, MIN_VOICED_HZ))
    return np.where(f0 > MIN_VOICED_HZ, np.exp(slope * log_f0 + offset), f0).astype(np.float32)


def _token_speeds(count: int, speed: float, prosody: Sequence[ProsodySpan]) -> float | FloatArray:
    """Return the speed of each of `count` tokens and of the boundary tokens; one number if all have the same."""
    if all(span.rate == 1.0 for span in prosody):
        return speed
    speeds = np.full(count + 2, speed, np.float32)
    for span in prosody:
        speeds[1 + span.start : 1 + span.end] *= span.rate
    return np.clip(speeds, _MIN_RATE, _MAX_RATE)


def _heard_half_frames(prediction: Prediction) -> IntArray:
    """Return the half frame [tokens + 2] at which each token, and the boundary token behind them, starts to be heard,
    and where that one ends."""
    ends: IntArray = np.maximum(2 * np.cumsum(prediction.durations) - _LEAD_HALF_FRAMES, 0)
    return ends


def _with_pitch(prediction: Prediction, prosody: Sequence[ProsodySpan]) -> Prediction:
    """Raise the pitch of the spans that ask for it. The pitch of unvoiced frames is below MIN_VOICED_HZ and stays."""
    if all(span.semitones == 0.0 for span in prosody):
        return prediction
    ends = _heard_half_frames(prediction)
    factors = np.ones(prediction.f0.shape[1], np.float32)
    for span in prosody:
        factors[ends[span.start] : ends[span.end]] *= np.exp(_SEMITONE * span.semitones)
    f0 = np.where(prediction.f0 > MIN_VOICED_HZ, prediction.f0 * factors, prediction.f0).astype(np.float32)
    return replace(prediction, f0=f0)
