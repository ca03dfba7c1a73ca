"""Enrols a speaker: predicts an initial voice, matches its rate, pitch and spectrum, and fits its timbre by gradient.

recording ──▶ embeddings, spectrum, pitch
                  │
                  ├─▶ initial voice (initial_style.py) ──▶ match rate, pitch, spectrum ──▶ correct ──▶ instant clone
                  └─▶ the same ──▶ fit (fit/, PyTorch) ──▶ match pitch, spectrum ──▶ persistent clone

Rate, pitch and spectrum are matched by speaking_rate.py, pitch_control.py and kokoro/spectral_eq.py; the correction is
speaker_correction.py, and pitch and spectrum are matched again after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import log_f0, robust_deviation
from voxport.audio.speaker_encoder import EMBEDDING_SIZE, SpeakerEncoder
from voxport.engine.enrolment.cleaning import clean_recording
from voxport.engine.enrolment.initial_style import initial_voice
from voxport.engine.enrolment.pitch_control import with_pitch
from voxport.engine.enrolment.probes import PROBE_LANGUAGE, probe_chunks
from voxport.engine.enrolment.speaker_correction import SpeakerHearing, corrected_voice
from voxport.engine.enrolment.speaking_rate import syllable_rate, with_speaking_rate
from voxport.engine.kokoro.spectral_eq import apply_spectral_eq, long_term_spectrum, matching_eq
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine_errors import EngineError, SampleNotEnrollable
from voxport.text.phonemizer import Phonemizer

if TYPE_CHECKING:
    from voxport.engine.fit.fitting import MakeDistances

_MEASURED_PROBES: Final = 3
"""Sentences that are spoken to measure pitch and spectrum of a persistent clone, at most as many as the fit has steps.
An instant clone has time for one."""
_RATE_PROBES: Final = 4
"""Sentences for which the rate of a voice is predicted: the first ones, which have no pause."""
_CLEANED_PROGRESS, _ANALYSED_PROGRESS = 0.4, 0.6
"""Progress of the initial voice after the recording is cleaned, and after it is analysed."""
_INITIAL_PROGRESS, _FIT_PROGRESS = 0.1, 0.9
"""Progress of an enrolment after the initial voice, and after the fit."""

OnProgress = Callable[[float, bytes], None]
"""Called with the progress (0 to 1) and a checkpoint to resume from (empty when there is no new one)."""


@dataclass(frozen=True)
class _SpeakerProfile:
    audio: FloatArray
    heard: FloatArray  # [448], see speaker_correction.py
    median_f0: float  # Hz
    log_f0_deviation: float  # log Hz
    syllable_rate: float | None  # syllables per second
    spectrum: FloatArray  # [80], see spectral_eq.py
    bandwidth_hz: float

    @property
    def embedding(self) -> FloatArray:
        """Resemblyzer's embedding [256]."""
        return self.heard[:EMBEDDING_SIZE]


class Enrolment:
    """Enrols speakers. `threads` and `model_path` are those of the engine, since the fit reads the same weights;
    `fit_steps` is the number of steps of a fit, and `make_distances` that of `fit_voice`."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        encoder: SpeakerEncoder,
        phonemizer: Phonemizer,
        *,
        threads: int,
        fit_steps: int,
        model_path: Path | None,
        make_distances: MakeDistances | None = None,
    ) -> None:
        self._synthesizer = synthesizer
        self._encoder = encoder
        self._hearing = SpeakerHearing(encoder, threads=threads)
        self._phonemizer = phonemizer
        self._threads = threads
        self._fit_steps = fit_steps
        self._model_path = model_path
        self._make_distances = make_distances

    def enrol_instant(self, audio: FloatArray, on_progress: OnProgress) -> EngineVoice:
        """Make an instant clone: the initial voice with matched pitch and spectrum. Raises SampleNotEnrollable."""
        speaker = self._analyse(audio, lambda: on_progress(_CLEANED_PROGRESS, b""))
        on_progress(_ANALYSED_PROGRESS, b"")
        return self._initial_voice(speaker)

    def enrol_fitted(self, audio: FloatArray, on_progress: OnProgress, checkpoint: bytes | None) -> EngineVoice:
        """Make a persistent clone by fitting the initial voice. `checkpoint` resumes a killed enrolment of the same
        recording: it is the last state that `on_progress` received. Raises SampleNotEnrollable, or EngineError without
        PyTorch."""
        speaker = self._analyse(audio, lambda: on_progress(_CLEANED_PROGRESS * _INITIAL_PROGRESS, b""))
        on_progress(_ANALYSED_PROGRESS * _INITIAL_PROGRESS, b"")
        start = self._initial_voice(speaker)
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
            make_distances=self._make_distances,
            on_progress=lambda done, state: on_progress(
                _INITIAL_PROGRESS + (_FIT_PROGRESS - _INITIAL_PROGRESS) * done, state
            ),
        )
        voice, _ = self._match_pitch_and_eq(
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
        heard = self._hearing.hear(recording.audio)
        values = log_f0(recording.audio, SAMPLE_RATE)
        if not values.size:
            raise SampleNotEnrollable("The recording has no voice in it.")
        median, log_f0_deviation = float(np.exp(np.median(values))), robust_deviation(values)
        rate = syllable_rate(recording.audio)
        return _SpeakerProfile(
            recording.audio,
            heard,
            median,
            log_f0_deviation,
            rate,
            long_term_spectrum(recording.audio),
            recording.bandwidth_hz,
        )

    def _initial_voice(self, speaker: _SpeakerProfile) -> EngineVoice:
        """The initial voice: the first guess, heard once, corrected, and matched again, as the correction moves the
        pitch."""
        voice = initial_voice(speaker.embedding, speaker.median_f0, PROBE_LANGUAGE)
        voice = with_speaking_rate(
            voice, probe_chunks(self._phonemizer)[:_RATE_PROBES], self._synthesizer, measured_rate=speaker.syllable_rate
        )
        voice, audio = self._match_pitch_and_eq(voice, speaker, measured_count=1, iterations=1)
        heard = self._hearing.hear(apply_spectral_eq(audio, voice.spectral_eq))
        voice = corrected_voice(voice, heard=heard, wanted=speaker.heard)
        return self._match_pitch_and_eq(voice, speaker, measured_count=1, iterations=1)[0]

    def _match_pitch_and_eq(
        self, voice: EngineVoice, speaker: _SpeakerProfile, *, measured_count: int, iterations: int
    ) -> tuple[EngineVoice, FloatArray]:
        """Match the pitch and spectrum of `voice` to the speaker's. Both are measured on the same spoken sentences,
        because speaking is the slowest part of an enrolment after the fit. Returns (voice, audio): the sentences, as
        spoken without the EQ."""
        voice, audio = with_pitch(
            voice,
            probe_chunks(self._phonemizer),
            self._synthesizer,
            median=speaker.median_f0,
            log_f0_deviation=speaker.log_f0_deviation,
            measured_count=measured_count,
            iterations=iterations,
        )
        spectral_eq = matching_eq(speaker.spectrum, long_term_spectrum(audio), bandwidth_hz=speaker.bandwidth_hz)
        return voice.with_spectral_eq(spectral_eq), audio
