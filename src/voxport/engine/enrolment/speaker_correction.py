"""Corrects a voice by what two speaker encoders hear of it: one Newton step towards the speaker.

`scripts/build_speaker_correction.py` made the step's matrix from gradients through the network, in voices of the engine
itself. It used no recording of a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.audio.campplus import CampplusEncoder
from voxport.audio.speaker_encoder import SpeakerEncoder
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice import TIMBRE, EngineVoice
from voxport.engine_errors import EngineUnavailable

_STEP: Final = 0.7
"""Share of the step that is taken, since the network is linear only nearby. The best of 0.7 and 1 on the cohort."""


@dataclass(frozen=True)
class _Correction:
    """The step is `step.T @ heard @ difference`, with a difference of embeddings [448], `heard` [96, 448] and `step`
    [96, 128 + 37396]: the timbre in units of the stock voices' deviation, and the norms' offsets."""

    heard: FloatArray
    step: FloatArray


class SpeakerHearing:
    """The two encoders: what they hear of a speaker is one vector [448]."""

    def __init__(self, encoder: SpeakerEncoder, *, threads: int) -> None:
        self._encoder = encoder
        self._threads = threads
        self._campplus: CampplusEncoder | None = None

    def hear(self, audio: FloatArray) -> FloatArray:
        """The embeddings of `audio` (float32 mono, 24 kHz), one after the other. Raises SampleNotEnrollable."""
        if self._campplus is None:  # 28 MB that speaking does not need
            self._campplus = CampplusEncoder(threads=self._threads)
        return np.concatenate([self._encoder.embed(audio), self._campplus.embed(audio)])


def corrected_voice(voice: EngineVoice, *, heard: FloatArray, wanted: FloatArray) -> EngineVoice:
    """Change the timbre of `voice`, which is `heard` [448], towards a speaker who is heard as `wanted`."""
    correction = _load_correction()
    change = _STEP * ((correction.heard @ (wanted - heard)) @ correction.step)
    timbre = change[:128] * stock_packs().means[:, TIMBRE].std(axis=0)
    return voice.with_timbre(timbre).with_adain_offsets(np.asarray(voice.adain_offsets + change[128:], np.float32))


@cache
def _load_correction() -> _Correction:
    file = files("voxport.engine") / "assets" / "speaker_correction.npz"
    with file.open("rb") as stored, np.load(stored) as content:
        if str(content["asset"]) != stock_packs().identity:
            raise EngineUnavailable("The correction was learned with other stock voices: build its asset again.")
        step = content["step"] * content["scale"][:, None]
        return _Correction(content["heard"].astype(np.float32), step.astype(np.float32))
