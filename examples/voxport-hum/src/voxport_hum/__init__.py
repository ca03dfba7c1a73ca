"""The `hum` provider: it hums every text at the pitch of the sample's speaker. It needs no account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np

from voxport.errors import SampleUnusable
from voxport.providers.base import (
    SAMPLE_RATE,
    Audio,
    Capabilities,
    Checkpoint,
    ClonedVoice,
    Piece,
    ProgressCallback,
    Provider,
    ProviderConfig,
    StockVoice,
    Utterance,
    VoiceRef,
)
from voxport.providers.chunked_speech import speak_in_parts

_LANGUAGE: Final = "en"
_STOCK: Final = StockVoice("hum-stock", "Hum", _LANGUAGE, None)
_STOCK_HERTZ: Final = 220.0
_MIN_HERTZ, _MAX_HERTZ = 65.0, 500.0  # range of speaking voices
_SECONDS_PER_CHARACTER: Final = 0.06  # about as in speech
_MAX_PIECE_CHARACTERS: Final = 300  # characters: 18 s of humming
_OVERTONES: Final = (0.3, 0.15, 0.05)
"""Amplitudes of the fundamental and its overtones, far below full scale: `speak_in_parts` sets the level."""


def open_provider(config: ProviderConfig) -> Hum:
    """Create the provider. `options` may hold `hertz`, the pitch of the stock voice, from VOXPORT_HUM_HERTZ. An
    exception raised here does not stop the gateway from starting: the provider is then listed as unusable."""
    return Hum(config, stock_hertz=float(config.options.get("hertz", _STOCK_HERTZ)))


@contextmanager
def opened() -> Iterator[Hum]:
    """Open a provider for the conformance suite, with the shipped catalogue's limits (characters, seconds)."""
    provider = open_provider(
        ProviderConfig("conformance", max_text_length=5_000, sample_min_seconds=3, sample_max_seconds=60)
    )
    try:
        yield provider
    finally:
        provider.close()


class Hum(Provider):
    """Several threads may call it at once. It keeps no state between calls and nothing of a clone: a voice is the file
    that the gateway stores. Everything else is as in `Provider`: it is always available, and has nothing to remove,
    start or close."""

    name = "hum"  # must equal the name of the entry point

    def __init__(self, config: ProviderConfig, *, stock_hertz: float) -> None:
        self._config = config
        self._stock_hertz = stock_hertz

    def capabilities(self) -> Capabilities:
        # `is_hosted` stays false: nothing is billed elsewhere, and a voice is the file that the gateway stores for us.
        return Capabilities(
            supports_voice_cloning=True,
            supports_instant_clone=True,
            supports_streaming=True,
            languages=(_LANGUAGE,),
            clone_language=_LANGUAGE,
            max_text_length=self._config.max_text_length,
            voice_settings=("speed",),
            sample_min_seconds=self._config.sample_min_seconds,
            sample_max_seconds=self._config.sample_max_seconds,
        )

    def list_voices(self) -> list[StockVoice]:
        return [_STOCK]

    def clone(
        self,
        sample: Audio,
        *,
        voice_id: str,
        instant: bool,
        on_progress: ProgressCallback,
        checkpoint: Checkpoint | None = None,
    ) -> ClonedVoice:
        """A clone takes no time, instant or not, so `checkpoint` has nothing to save. The same sample gives the same
        file, so a repeated call after a kill does no harm."""
        on_progress(0.0)  # stops here if the job was cancelled
        file = json.dumps({"hertz": round(_pitch(sample), 2)}).encode()
        on_progress(1.0)
        return ClonedVoice(voice_id, _LANGUAGE, file)

    def speak(self, voice: VoiceRef, utterance: Utterance) -> Iterator[Piece]:
        """Yield pieces of whole sentences. `speak_in_parts` splits the text, makes all pieces equally loud, joins them
        without a click, and resumes after a part."""
        hertz = json.loads(voice.file)["hertz"] if voice.file is not None else self._stock_hertz

        def source(part: str) -> Iterator[bytes]:
            audio = _synthesize_hum(hertz, seconds=_SECONDS_PER_CHARACTER * len(part) / utterance.speed)
            yield (audio * 32_767).astype("<i2").tobytes()

        return speak_in_parts(utterance, limit=_MAX_PIECE_CHARACTERS, source=source)


def _pitch(sample: Audio) -> float:
    """Return the pitch in Hz: of the lag, in the range of speaking voices, with the highest autocorrelation."""
    spectrum = np.fft.rfft(sample, 2 * sample.size)  # zero-padded, so that the end does not wrap around to the start
    autocorrelation = np.fft.irfft(np.square(np.abs(spectrum)))
    min_lag, max_lag = round(SAMPLE_RATE / _MAX_HERTZ), round(SAMPLE_RATE / _MIN_HERTZ)
    if sample.size <= max_lag or not autocorrelation[0]:
        raise SampleUnusable("There is nothing to be heard in this recording.", details={"reason": "no_speaker"})
    return float(SAMPLE_RATE / (min_lag + np.argmax(autocorrelation[min_lag:max_lag])))


def _synthesize_hum(hertz: float, *, seconds: float) -> Audio:
    phases = np.arange(round(seconds * SAMPLE_RATE)) * (2 * np.pi * hertz / SAMPLE_RATE)  # of the fundamental, radians
    return np.asarray(sum(size * np.sin(number * phases) for number, size in enumerate(_OVERTONES, 1)), np.float32)
