"""What the fit speaks: stretches of sentences, short, since the cost is linear in audio, and of many sounds.

All stretches have one length. PyTorch keeps its plans and buffers for each shape that it has seen, so that with the
sentences' own lengths the memory of a fit went a gigabyte higher.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from voxport.audio.onnx_sessions import open_session
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.synthesizer import Synthesizer, scale_pitch_curve
from voxport.engine.kokoro.voice import TIMBRE, EngineVoice

TRAINING_TEXTS: Final = (
    "The old boat drifted slowly along the quiet river.",
    "She found a better answer in a small yellow book.",
    "We could hear the children laughing behind the wall.",
    "Put the blue lamp near my window before it gets dark.",
    "Nobody had expected such a thaw in the first week of March.",
)
VALIDATION_TEXT: Final = "Could you tell me which road they took to the harbour?"
"""Never fitted: it judges when to stop."""
SEGMENT_FRAMES: Final = 72
"""Of the features, 40 a second: 1.8 s, a little more than the 1.6 s that the speaker encoder hears at once."""
_SILENT_FRAMES: Final = 10
"""Frames of near silence that the network puts before a sentence, and after it."""
_TONE_STEPS_PER_FRAME: Final = 120
"""Of the tone in each frame of the features; one more ends it."""


@dataclass(frozen=True)
class DecoderInput:
    """What the decoder is given for a sentence or a part of one, rhythm and pitch set; `style` [128] is the timbre to
    start from."""

    features: Tensor
    f0: Tensor
    noise: Tensor
    source_tone: Tensor
    style: Tensor

    def segments(self) -> list[DecoderInput]:
        """The first and the last FRAMES of what is spoken; the one stretch where they are the same."""
        frames = self.features.shape[2]
        first = min(_SILENT_FRAMES, max(0, frames - SEGMENT_FRAMES))
        return [self._segment(start) for start in sorted({first, max(first, frames - _SILENT_FRAMES - SEGMENT_FRAMES)})]

    def _segment(self, start: int) -> DecoderInput:
        end = start + SEGMENT_FRAMES
        return DecoderInput(
            self.features[:, :, start:end].contiguous(),
            self.f0[:, 2 * start : 2 * end].contiguous(),
            self.noise[:, 2 * start : 2 * end].contiguous(),
            self.source_tone[:, :, _TONE_STEPS_PER_FRAME * start : _TONE_STEPS_PER_FRAME * end + 1].contiguous(),
            self.style,
        )


class SourceModule:
    """The source module alone: from a pitch curve to the tone that the generator shapes."""

    def __init__(self, graph: bytes) -> None:
        self._session = open_session(graph, 1)

    def decoder_input(self, chunk: Chunk, voice: EngineVoice, synthesizer: Synthesizer) -> DecoderInput:
        style = voice.style(len(chunk.tokens))
        prediction = synthesizer.predict(chunk.tokens, style, voice.rate)
        f0 = scale_pitch_curve(prediction.f0, offset=voice.f0_offset, slope=voice.f0_slope)
        source_tone = self._session.run(None, {"f0": f0})[0]
        arrays = (prediction.features, f0, prediction.noise, source_tone, style[TIMBRE])
        return DecoderInput(*(torch.from_numpy(np.array(array, np.float32)) for array in arrays))
