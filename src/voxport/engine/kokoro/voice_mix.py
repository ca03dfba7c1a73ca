"""Mixes voices by weight: the mean of everything that a voice adds to the network.

A norm's scale and shift are one product with the style plus the voice's offsets, so the mean of styles and of offsets
is the mean of the decoder's own parameters. The EQ is a logarithm of power, and its mean is a geometric one, as is that
of the rates. The pitch curve is not linear in the style: `pitch_control.py` sets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.spectral_eq import tilted_eq
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine_errors import EngineError, VoiceNotMixable

MAX_PARTS: Final = 8
MIN_RATE, MAX_RATE = 0.375, 2.5
"""Limits of a mix's rate, relative to the network's own: a clone's slowest and fastest, at the rates 0.5 and 2."""


def normalized_weights(weights: Sequence[float]) -> FloatArray:
    """Return the weights with the sum 1, float64. Raises EngineError unless all are finite and positive."""
    values = np.asarray(weights, np.float64)
    if not 1 <= values.size <= MAX_PARTS or not np.isfinite(values).all() or values.min() <= 0.0:
        raise EngineError(f"A mix has 1 to {MAX_PARTS} voices, each with a positive weight.")
    scaled = values / values.max()  # the sum of large numbers could be infinite
    return np.asarray(scaled / scaled.sum())


def mixed_voice(
    voices: Sequence[EngineVoice], weights: FloatArray, *, rate: float, tone: float, language: str
) -> EngineVoice:
    """Mix `voices` by `weights`, whose sum is 1. `rate` is a factor on their own rate, `tone` is that of `tilted_eq`.
    The pitch is left at the mean of the parts' settings. Raises VoiceNotMixable."""
    mixed_rate = float(np.exp(weights @ np.log([voice.rate for voice in voices]))) * rate
    if not MIN_RATE <= mixed_rate <= MAX_RATE:
        raise VoiceNotMixable(
            f"The mix would speak at {mixed_rate:.2f} times the usual rate, and {MIN_RATE} to {MAX_RATE} is possible: "
            "one of its voices is a fast or slow mix already.",
            setting="rate",
        )
    pack = sum(weight * voice.pack() for weight, voice in zip(weights, voices, strict=True))
    mixed = EngineVoice.from_pack(np.asarray(pack, np.float32), language=language, asset=voices[0].asset)
    return (
        mixed.with_f0(
            offset=float(weights @ [voice.f0_offset for voice in voices]),
            slope=float(weights @ [voice.f0_slope for voice in voices]),
            median=None,
        )
        .with_rate(mixed_rate)
        .with_spectral_eq(tilted_eq(_mean(weights, [voice.spectral_eq for voice in voices]), tone))
        .with_adain_offsets(_mean(weights, [voice.adain_offsets for voice in voices]))
    )


def _mean(weights: FloatArray, arrays: Sequence[FloatArray]) -> FloatArray:
    return np.asarray(sum(weight * array for weight, array in zip(weights, arrays, strict=True)), np.float32)
