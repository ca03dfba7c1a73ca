"""The sentences of the fit, cut into short segments that cover many sounds; the cost of a step is linear in the audio.

All segments have the same length. PyTorch keeps plans and buffers for each shape it has seen: with the sentences' own
lengths a fit needed a gigabyte more memory.
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
"""Not fitted; decides when to stop."""
SEGMENT_FRAMES: Final = 72
"""Frames of the features, 40 per second: 1.8 s, a little more than the speaker encoder's window of 1.6 s."""
_SILENT_FRAMES: Final = 10
"""Frames of near silence that the network adds before a sentence and after it."""
_TONE_STEPS_PER_FRAME: Final = 120
"""Steps of the source tone per frame of the features; one more step ends it."""


@dataclass(frozen=True)
class DecoderInput:
    """The decoder's input for a sentence or a segment, with the voice's rhythm and pitch applied. `style` [128] and
    `adain_offsets` [37396] are the initial timbre."""

    features: Tensor
    f0: Tensor
    noise: Tensor
    source_tone: Tensor
    style: Tensor
    adain_offsets: Tensor

    def segments(self) -> list[DecoderInput]:
        """The first and the last SEGMENT_FRAMES of the speech, or one segment when both are the same."""
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
            self.adain_offsets,
        )


class SourceModule:
    """Kokoro's source module alone: turns a pitch curve into the tone that the generator shapes."""

    def __init__(self, graph: bytes) -> None:
        self._session = open_session(graph, 1)

    def decoder_input(self, chunk: Chunk, voice: EngineVoice, synthesizer: Synthesizer) -> DecoderInput:
        style = voice.style(len(chunk.tokens))
        prediction = synthesizer.predict(chunk.tokens, style, voice.rate)
        f0 = scale_pitch_curve(prediction.f0, offset=voice.f0_offset, slope=voice.f0_slope)
        source_tone = self._session.run(None, {"f0": f0})[0]
        arrays = (prediction.features, f0, prediction.noise, source_tone, style[TIMBRE], voice.adain_offsets)
        return DecoderInput(*(torch.from_numpy(np.array(array, np.float32)) for array in arrays))
