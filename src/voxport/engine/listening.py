"""What a voice sounds like to the speaker encoder: it speaks a few sentences, at a given pitch."""

from __future__ import annotations

import numpy as np

from voxport.engine.arrays import Floats
from voxport.engine.chunk import Chunk
from voxport.engine.speaker import SpeakerEncoder
from voxport.engine.synthesizer import Synthesizer
from voxport.engine.tuning import tuned
from voxport.engine.voice import Voice


class Listener:
    """Speaks `chunks` with a voice moved to `median` Hz, and embeds what it hears."""

    def __init__(self, synthesizer: Synthesizer, encoder: SpeakerEncoder, chunks: list[Chunk], median: float) -> None:
        self._synthesizer = synthesizer
        self._encoder = encoder
        self._chunks = chunks
        self._median = median

    def embedding(self, voice: Voice) -> Floats:
        """float64 [256] of length 1."""
        moved = tuned(voice, self._chunks, self._synthesizer, median=self._median)
        mean = np.mean([self._encoder.embed(self._spoken(chunk, moved)) for chunk in self._chunks], axis=0)
        return np.asarray(mean / np.linalg.norm(mean))

    def _spoken(self, chunk: Chunk, voice: Voice) -> Floats:
        style = voice.style(len(chunk.tokens))
        prediction = self._synthesizer.predict(chunk.tokens, style, 1.0)
        return self._synthesizer.decode(prediction, style, f0_offset=voice.f0_offset, f0_slope=voice.f0_slope)
