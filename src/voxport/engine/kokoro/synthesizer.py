"""Runs the network: from tokens and a style to audio, with a pitch curve that the caller can change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.audio.onnx_sessions import open_session
from voxport.engine.kokoro.adain import ADAIN_INPUT, NO_OFFSETS
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine.kokoro.weights import SplitModel

MIN_VOICED_HZ: Final = 10.0
"""Kokoro's source module makes a tone above this pitch, and noise below it."""


@dataclass(frozen=True)
class Prediction:
    """The predictor's outputs: `features` [1, 512, frames] (40 per second), and per half frame (80 per second) the
    pitch `f0` in Hz and the `noise`, each [1, 2 x frames]."""

    features: FloatArray
    f0: FloatArray
    noise: FloatArray

    def voiced_log_f0(self) -> FloatArray:
        """Natural logarithms of the pitch (Hz) of the voiced frames; empty for unvoiced speech."""
        return np.log(self.f0[self.f0 > MIN_VOICED_HZ])


class Synthesizer:
    """Kokoro as two models. Not thread-safe."""

    def __init__(self, model: SplitModel, *, threads: int) -> None:
        self._predictor = open_session(model.predictor, threads)
        self._decoder = open_session(model.decoder, threads)
        self._takes_offsets = ADAIN_INPUT in self._decoder.input_names  # not before `build_split_model`

    def synthesize(self, tokens: tuple[int, ...], voice: EngineVoice, speed: float = 1.0) -> FloatArray:
        """Speak `tokens` in `voice`: float32 [samples] at 24 kHz, without the voice's EQ."""
        style = voice.style(len(tokens))
        prediction = self.predict(tokens, style, speed * voice.rate)
        return self.decode(
            prediction,
            style,
            adain_offsets=voice.adain_offsets,
            f0_offset=voice.f0_offset,
            f0_slope=voice.f0_slope,
        )

    def predict(self, tokens: tuple[int, ...], style: FloatArray, speed: float) -> Prediction:
        """Predict from at most 510 `tokens` without boundary tokens and a `style` float32 [256]. `speed` 1 is the
        network's own."""
        inputs = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style.reshape(1, 256).astype(np.float32),
            "speed": np.array([speed], np.float32),
        }
        features, f0, noise = self._predictor.run(["features", "f0", "noise"], inputs)
        return Prediction(features, f0, noise)

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
