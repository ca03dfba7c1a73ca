"""The network itself: tokens and a style in, audio out, with the pitch curve in the caller's hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from voxport.audio.arrays import Floats
from voxport.audio.onnx_sessions import open_session
from voxport.engine.kokoro.voice import Voice
from voxport.engine.kokoro.weights import Halves

VOICED: Final = 10.0
"""Hz. Above it Kokoro's source module makes a tone, below it noise."""


@dataclass(frozen=True)
class Prediction:
    """What the predictor says of some tokens: `features` [1, 512, frames] (40 a second), and per half frame
    (80 a second) the pitch `f0` in Hz and the `noise`, each [1, 2 x frames]."""

    features: Floats
    f0: Floats
    noise: Floats

    def voiced_log_f0(self) -> Floats:
        """Natural logarithms of the pitch (Hz) where there is one; empty for speech without voice."""
        return np.log(self.f0[self.f0 > VOICED])


class Synthesizer:
    """Kokoro in two halves. One call at a time; the sessions are not shared between threads here."""

    def __init__(self, halves: Halves, *, threads: int) -> None:
        self._predictor = open_session(halves.predictor, threads)
        self._decoder = open_session(halves.decoder, threads)

    def spoken(self, tokens: tuple[int, ...], voice: Voice, speed: float = 1.0) -> Floats:
        """float32 [samples] at 24 kHz: `tokens` in `voice` as the network makes them, without the voice's tone."""
        style = voice.style(len(tokens))
        prediction = self.predict(tokens, style, speed * voice.rate)
        return self.decode(prediction, style, f0_offset=voice.f0_offset, f0_slope=voice.f0_slope)

    def predict(self, tokens: tuple[int, ...], style: Floats, speed: float) -> Prediction:
        """`tokens` without boundaries, at most 510; `style` float32 [256]; `speed` 1 is the network's own."""
        given = {
            "tokens": np.array([[0, *tokens, 0]], np.int64),
            "style": style.reshape(1, 256).astype(np.float32),
            "speed": np.array([speed], np.float32),
        }
        features, f0, noise = self._predictor.run(["features", "f0", "noise"], given)
        return Prediction(features, f0, noise)

    def decode(self, prediction: Prediction, style: Floats, *, f0_offset: float = 0.0, f0_slope: float = 1.0) -> Floats:
        """float32 [samples] at 24 kHz, in the timbre of `style` [256], the pitch curve shaped on its way."""
        given = {
            "style": style.reshape(1, 256).astype(np.float32),
            "features": prediction.features,
            "f0": shaped(prediction.f0, offset=f0_offset, slope=f0_slope),
            "noise": prediction.noise,
        }
        audio: Floats = self._decoder.run(["audio"], given)[0]
        return audio


def shaped(f0: Floats, *, offset: float, slope: float) -> Floats:
    """The pitch curve with `log f0 = slope x log f0 + offset` where it is voiced; unchanged at 0 and 1."""
    if offset == 0.0 and slope == 1.0:
        return f0
    log_f0 = np.log(np.maximum(f0, VOICED))
    return np.where(f0 > VOICED, np.exp(slope * log_f0 + offset), f0).astype(np.float32)
