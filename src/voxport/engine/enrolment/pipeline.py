"""A speaker from a recording: a first guess of the timbre, rate, pitch and tone set, and the timbre fitted by gradient.

recording ──▶ embedding, spectrum, pitch
                  │
                  ├─▶ first guess (guess.py)  ──▶ rate, pitch and tone set ──▶ instant clone
                  └─▶ the same ──▶ fit (fit/, PyTorch)  ──▶ pitch and tone set again ──▶ persistent clone

Rate, pitch and tone: rhythm.py, tuning.py, tone.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, Floats
from voxport.audio.pitch import log_f0, spread
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.engine.enrolment.cleaning import prepare
from voxport.engine.enrolment.initial_style import first_guess
from voxport.engine.enrolment.pitch_control import tuned
from voxport.engine.enrolment.speaking_rate import paced, syllable_rate
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.spectral_eq import matching, spectrum
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import Voice
from voxport.engine_errors import EngineError, SampleNotEnrollable
from voxport.text.phonemizer import Phonemizer

_LANGUAGE: Final = "en-us"
"""Of the probe sentences, and the default of a cloned voice: what the speaker spoke is not known here."""
_MELODIES: Final = (
    "The old boat drifted slowly along the quiet river.",
    "She found a better answer in a small yellow book.",
    "We could hear the children laughing behind the garden wall.",
    "Could you tell me when the next train leaves for the city?",
    "It was a long winter, and nobody had expected the snow to stay.",
    "Thank you very much, I will call you again tomorrow morning.",
)
"""Sentences over which the pitch is predicted, so that its middle is the voice's, not one sentence's."""
_LISTENED: Final = 3
"""Sentences that are spoken to hear the pitch and the tone of a persistent clone, no more than the fit has steps; an
instant one has time for one."""
_PACED: Final = 4
"""Sentences, those without a pause, over which the rate of a voice is predicted."""
_PREPARED, _HEARD = 0.4, 0.6
"""How far the guess is after the cleaning of the recording, and after all that is measured in it."""
_GUESSED, _FITTED = 0.1, 0.9
"""How far an enrolment is after the guess, and after the fit."""

Tell = Callable[[float, bytes], None]
"""Hears how far the enrolment is (0 to 1), and a state to go on from (empty where there is no new one)."""


@dataclass(frozen=True)
class _Speaker:
    audio: Floats
    embedding: Floats  # [256]
    median: float  # Hz
    width: float  # deviation of log Hz
    syllables: float | None  # a second
    spectrum: Floats  # [80], as tone.py has it
    bandwidth_hz: float


class Enrolment:
    """`threads` and `model_path` are the engine's own; the fit reads the same weights, and takes `fit_steps`."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        encoder: SpeakerEncoder,
        phonemizer: Phonemizer,
        *,
        threads: int,
        fit_steps: int,
        model_path: Path | None,
    ) -> None:
        self._synthesizer = synthesizer
        self._encoder = encoder
        self._phonemizer = phonemizer
        self._threads = threads
        self._fit_steps = fit_steps
        self._model_path = model_path

    def quick(self, audio: Floats, tell: Tell) -> Voice:
        """The first guess with its pitch and its tone set. Raises SampleNotEnrollable."""
        speaker = self._heard(audio, lambda: tell(_PREPARED, b""))
        tell(_HEARD, b"")
        return self._guessed(speaker, listened=1, rounds=1)

    def full(self, audio: Floats, tell: Tell, saved: bytes | None) -> Voice:
        """The fitted voice. `saved` is the last state that `tell` heard of an enrolment of the same recording that
        was killed. Raises SampleNotEnrollable, EngineError (without PyTorch)."""
        speaker = self._heard(audio, lambda: tell(_PREPARED * _GUESSED, b""))
        tell(_HEARD * _GUESSED, b"")
        start = self._guessed(speaker, listened=1, rounds=2)
        tell(_GUESSED, b"")
        try:
            from voxport.engine.fit.fitting import fitted
        except ImportError:
            raise EngineError(
                "Cloning a voice needs PyTorch, which is not installed: pip install torch==2.13.0. "
                "An instant clone works without."
            ) from None

        voice = fitted(
            start,
            speaker.audio,
            speaker.embedding,
            self._synthesizer,
            self._phonemizer,
            bandwidth_hz=speaker.bandwidth_hz,
            threads=self._threads,
            steps=self._fit_steps,
            model_path=self._model_path,
            saved=saved,
            save=lambda done, state: tell(_GUESSED + (_FITTED - _GUESSED) * done, state),
        )
        voice = self._set(voice, speaker, listened=min(_LISTENED, self._fit_steps), rounds=2)
        tell(1.0, b"")
        return voice

    def _heard(self, audio: Floats, on_prepared: Callable[[], None]) -> _Speaker:
        samples = np.asarray(audio, np.float32)
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise SampleNotEnrollable("The recording is not one channel of finite samples.")
        ready = prepare(samples, self._encoder)
        on_prepared()
        embedding = self._encoder.embed(ready.audio)
        values = log_f0(ready.audio, SAMPLE_RATE)
        if not values.size:
            raise SampleNotEnrollable("The recording has no voice in it.")
        median, width = float(np.exp(np.median(values))), spread(values)
        rate = syllable_rate(ready.audio)
        return _Speaker(ready.audio, embedding, median, width, rate, spectrum(ready.audio), ready.bandwidth_hz)

    def _guessed(self, speaker: _Speaker, *, listened: int, rounds: int) -> Voice:
        voice = first_guess(speaker.embedding, speaker.median, _LANGUAGE)
        voice = paced(voice, self._probes()[:_PACED], self._synthesizer, heard=speaker.syllables)
        return self._set(voice, speaker, listened=listened, rounds=rounds)

    def _set(self, voice: Voice, speaker: _Speaker, *, listened: int, rounds: int) -> Voice:
        """`voice` with the speaker's pitch and tone, both heard in the same sentences: speech takes longest of all
        that an enrolment does but for the fit."""
        voice, said = tuned(
            voice,
            self._probes(),
            self._synthesizer,
            median=speaker.median,
            width=speaker.width,
            listened=listened,
            rounds=rounds,
        )
        return voice.with_tone(matching(speaker.spectrum, spectrum(said), bandwidth_hz=speaker.bandwidth_hz))

    def _probes(self) -> list[Chunk]:
        return [chunk for text in _MELODIES for chunk in plan(text, _LANGUAGE, self._phonemizer)]
