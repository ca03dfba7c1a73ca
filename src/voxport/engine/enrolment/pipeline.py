"""A speaker from a recording: a first guess of the timbre, rate, pitch and tone set, and the timbre fitted by gradient.

recording ──▶ embedding, spectrum, pitch
                  │
                  ├─▶ first guess (initial_style.py)  ──▶ rate, pitch and tone set ──▶ instant clone
                  └─▶ the same ──▶ fit (fit/, PyTorch)  ──▶ pitch and tone set again ──▶ persistent clone

Rate, pitch and tone: speaking_rate.py, pitch_control.py, spectral_eq.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import log_f0, robust_deviation
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.engine.enrolment.cleaning import clean_recording
from voxport.engine.enrolment.initial_style import initial_voice
from voxport.engine.enrolment.pitch_control import with_pitch
from voxport.engine.enrolment.speaking_rate import syllable_rate, with_speaking_rate
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.spectral_eq import long_term_spectrum, matching_eq
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine_errors import EngineError, SampleNotEnrollable
from voxport.text.phonemizer import Phonemizer

_LANGUAGE: Final = "en-us"
"""Of the probe sentences, and the default of a cloned voice: what the speaker spoke is not known here."""
_PROBE_TEXTS: Final = (
    "The old boat drifted slowly along the quiet river.",
    "She found a better answer in a small yellow book.",
    "We could hear the children laughing behind the garden wall.",
    "Could you tell me when the next train leaves for the city?",
    "It was a long winter, and nobody had expected the snow to stay.",
    "Thank you very much, I will call you again tomorrow morning.",
)
"""Sentences over which the pitch is predicted, so that its middle is the voice's, not one sentence's."""
_MEASURED_PROBES: Final = 3
"""Sentences that are spoken to hear the pitch and the tone of a persistent clone, no more than the fit has steps; an
instant one has time for one."""
_RATE_PROBES: Final = 4
"""Sentences, those without a pause, over which the rate of a voice is predicted."""
_CLEANED_PROGRESS, _ANALYSED_PROGRESS = 0.4, 0.6
"""How far the guess is after the cleaning of the recording, and after all that is measured in it."""
_INITIAL_PROGRESS, _FIT_PROGRESS = 0.1, 0.9
"""How far an enrolment is after the guess, and after the fit."""

OnProgress = Callable[[float, bytes], None]
"""Hears how far the enrolment is (0 to 1), and a state to go on from (empty where there is no new one)."""


@dataclass(frozen=True)
class _SpeakerProfile:
    audio: FloatArray
    embedding: FloatArray  # [256]
    median_f0: float  # Hz
    log_f0_deviation: float  # deviation of log Hz
    syllable_rate: float | None  # a second
    spectrum: FloatArray  # [80], as spectral_eq.py has it
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

    def enrol_instant(self, audio: FloatArray, on_progress: OnProgress) -> EngineVoice:
        """The first guess with its pitch and its tone set. Raises SampleNotEnrollable."""
        speaker = self._analyse(audio, lambda: on_progress(_CLEANED_PROGRESS, b""))
        on_progress(_ANALYSED_PROGRESS, b"")
        return self._initial_voice(speaker, measured_count=1, iterations=1)

    def enrol_fitted(self, audio: FloatArray, on_progress: OnProgress, checkpoint: bytes | None) -> EngineVoice:
        """The fitted voice. `checkpoint` is the last state that `on_progress` heard of an enrolment of the same
        recording that was killed. Raises SampleNotEnrollable, EngineError (without PyTorch)."""
        speaker = self._analyse(audio, lambda: on_progress(_CLEANED_PROGRESS * _INITIAL_PROGRESS, b""))
        on_progress(_ANALYSED_PROGRESS * _INITIAL_PROGRESS, b"")
        start = self._initial_voice(speaker, measured_count=1, iterations=2)
        on_progress(_INITIAL_PROGRESS, b"")
        try:
            from voxport.engine.fit.fitting import fit_voice
        except ImportError:
            raise EngineError(
                "Cloning a voice needs PyTorch, which is not installed: pip install torch==2.13.0. "
                "An instant clone works without."
            ) from None

        voice = fit_voice(
            start,
            speaker.audio,
            speaker.embedding,
            self._synthesizer,
            self._phonemizer,
            bandwidth_hz=speaker.bandwidth_hz,
            threads=self._threads,
            steps=self._fit_steps,
            model_path=self._model_path,
            checkpoint=checkpoint,
            on_progress=lambda done, state: on_progress(
                _INITIAL_PROGRESS + (_FIT_PROGRESS - _INITIAL_PROGRESS) * done, state
            ),
        )
        voice = self._match_pitch_and_eq(
            voice, speaker, measured_count=min(_MEASURED_PROBES, self._fit_steps), iterations=2
        )
        on_progress(1.0, b"")
        return voice

    def _analyse(self, audio: FloatArray, on_cleaned: Callable[[], None]) -> _SpeakerProfile:
        samples = np.asarray(audio, np.float32)
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise SampleNotEnrollable("The recording is not one channel of finite samples.")
        recording = clean_recording(samples, self._encoder)
        on_cleaned()
        embedding = self._encoder.embed(recording.audio)
        values = log_f0(recording.audio, SAMPLE_RATE)
        if not values.size:
            raise SampleNotEnrollable("The recording has no voice in it.")
        median, log_f0_deviation = float(np.exp(np.median(values))), robust_deviation(values)
        rate = syllable_rate(recording.audio)
        return _SpeakerProfile(
            recording.audio,
            embedding,
            median,
            log_f0_deviation,
            rate,
            long_term_spectrum(recording.audio),
            recording.bandwidth_hz,
        )

    def _initial_voice(self, speaker: _SpeakerProfile, *, measured_count: int, iterations: int) -> EngineVoice:
        voice = initial_voice(speaker.embedding, speaker.median_f0, _LANGUAGE)
        voice = with_speaking_rate(
            voice, self._probe_chunks()[:_RATE_PROBES], self._synthesizer, measured_rate=speaker.syllable_rate
        )
        return self._match_pitch_and_eq(voice, speaker, measured_count=measured_count, iterations=iterations)

    def _match_pitch_and_eq(
        self, voice: EngineVoice, speaker: _SpeakerProfile, *, measured_count: int, iterations: int
    ) -> EngineVoice:
        """`voice` with the speaker's pitch and tone, both heard in the same sentences: speech takes longest of all
        that an enrolment does but for the fit."""
        voice, audio = with_pitch(
            voice,
            self._probe_chunks(),
            self._synthesizer,
            median=speaker.median_f0,
            log_f0_deviation=speaker.log_f0_deviation,
            measured_count=measured_count,
            iterations=iterations,
        )
        return voice.with_spectral_eq(
            matching_eq(speaker.spectrum, long_term_spectrum(audio), bandwidth_hz=speaker.bandwidth_hz)
        )

    def _probe_chunks(self) -> list[Chunk]:
        return [chunk for text in _PROBE_TEXTS for chunk in plan(text, _LANGUAGE, self._phonemizer)]
