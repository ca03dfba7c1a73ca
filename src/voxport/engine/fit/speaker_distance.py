"""The distances from a speaker that the fit makes small, each by one speaker encoder.

One encoder alone is gamed: the fit finds speech that this encoder takes for the speaker, and no other does. Two that
were trained differently agree on little but the speaker (docs/engine.md).
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from voxport.audio import campplus
from voxport.audio.arrays import FloatArray
from voxport.engine.fit.torch_campplus import TorchCampplus
from voxport.engine.fit.torch_speaker_encoder import TorchSpeakerEncoder

_FRAME_WEIGHT: Final = 1.0
"""Weight of CAM++'s frames beside its embedding."""


class SpeakerDistance(Protocol):
    def __call__(self, audio: Tensor) -> Tensor:
        """The distance from the speaker of `audio` [samples] at 24 kHz, at most 2 s: 0 or more."""


class ResemblyzerDistance:
    """One minus the cosine of Resemblyzer's embeddings."""

    def __init__(self, embedding: FloatArray) -> None:
        """`embedding` [256] is the speaker's."""
        self._encoder = TorchSpeakerEncoder()
        self._target = torch.from_numpy(np.array(embedding, np.float32))

    def __call__(self, audio: Tensor) -> Tensor:
        return 1 - self._encoder(audio) @ self._target


class CampplusDistance:
    """One minus the cosine of CAM++'s embeddings, plus the distance of its frames.

    A frame's features tell the sound that is spoken and who speaks it. Each frame is compared with the nearest one of
    the recording, as kNN-VC does with other features (Baas et al. 2023, arXiv 2305.18975): the speaker's way of
    speaking that sound. No transcript is needed.
    """

    def __init__(self, recording: FloatArray) -> None:
        """`recording` is the speaker's (float32 mono, 24 kHz)."""
        self._encoder = TorchCampplus()
        with torch.no_grad():
            mels = self._encoder.log_mels(torch.from_numpy(np.array(recording, np.float32)))
            frames, embeddings = self._encoder(torch.from_numpy(campplus.mel_windows(mels.numpy())))
        self._target = functional.normalize(embeddings.mean(0), dim=0)
        self._frames = functional.normalize(frames.flatten(0, 1), dim=1)

    def __call__(self, audio: Tensor) -> Tensor:
        frames, embeddings = self._encoder(self._encoder.log_mels(audio)[None])
        cosines = functional.normalize(frames[0], dim=1) @ self._frames.T
        return 1 - embeddings[0] @ self._target + _FRAME_WEIGHT * (1 - cosines.max(1).values.mean())
