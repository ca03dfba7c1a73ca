"""The sentences that the fit speaks: short, since the cost is linear in audio, and of many sounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from voxport.engine.chunk import Chunk
from voxport.engine.sessions import open_session
from voxport.engine.synthesizer import Synthesizer, shaped
from voxport.engine.voice import TIMBRE, Voice

TEXTS: Final = (
    "The old boat drifted slowly by.",
    "She found a better answer in it.",
    "We could hear the children laugh.",
    "Put the blue lamp near my window.",
    "Nobody had expected such a thaw.",
)
CHECK: Final = "Could you tell me which road they took?"
"""Never fitted: it judges when to stop."""


@dataclass(frozen=True)
class Sentence:
    """What the decoder is given for one sentence, rhythm and pitch set; `style` [128] is the timbre to start from."""

    features: Tensor
    f0: Tensor
    noise: Tensor
    tone: Tensor
    style: Tensor


class Source:
    """The source module alone: from a pitch curve to the tone that the generator shapes."""

    def __init__(self, graph: bytes) -> None:
        self._session = open_session(graph, 1)

    def sentence(self, chunk: Chunk, voice: Voice, synthesizer: Synthesizer) -> Sentence:
        style = voice.style(len(chunk.tokens))
        prediction = synthesizer.predict(chunk.tokens, style, 1.0)
        f0 = shaped(prediction.f0, offset=voice.f0_offset, slope=voice.f0_slope)
        tone = self._session.run(None, {"f0": f0})[0]
        arrays = (prediction.features, f0, prediction.noise, tone, style[TIMBRE])
        return Sentence(*(torch.from_numpy(np.array(array, np.float32)) for array in arrays))
