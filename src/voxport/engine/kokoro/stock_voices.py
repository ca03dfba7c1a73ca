"""Loads the 54 stock voices from an asset that `scripts/build_stock_voices.py` makes from Kokoro's packs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.voice import PROSODY, EngineVoice
from voxport.text.languages import LANGUAGE_OF_PREFIX, LANGUAGES


@dataclass(frozen=True)
class EngineStockVoice:
    """The description of a stock voice: `id` ("af_heart"), `name` ("Heart"), `gender` ("female", "male")."""

    id: str
    name: str
    language: str
    gender: str


@dataclass(frozen=True)
class StockPacks:
    """All 54 voices in the form of `EngineVoice`: `means` [54, 256], `curves` [54, 510, 8], `directions` [54, 8, 256].
    `identity` names the asset in voice files."""

    ids: tuple[str, ...]
    means: FloatArray
    curves: FloatArray
    directions: FloatArray
    identity: str

    def voice(self, index: int) -> EngineVoice:
        language = self.voice_language(index)
        return EngineVoice(self.means[index], self.curves[index], self.directions[index], language, self.identity)

    def voice_language(self, index: int) -> str:
        return language_of(self.ids[index])

    def blend(self, timbre: FloatArray, prosody: FloatArray, language: str) -> EngineVoice:
        """Blend the stock packs by their weighted mean, with weights [54] for each half of the style."""
        pack = self._weighted_pack(timbre)
        pack[:, PROSODY] = self._weighted_pack(prosody)[:, PROSODY]
        return EngineVoice.from_pack(pack, language=language, asset=self.identity)

    def _weighted_pack(self, weights: FloatArray) -> FloatArray:
        """The weighted mean, float32 [510, 256]. Computes only the voices that have a weight."""
        used = np.flatnonzero(weights)
        packs = (weights[i] * (self.means[i] + self.curves[i] @ self.directions[i]) for i in used)
        return np.asarray(sum(packs), np.float32)


def stock_voice_list() -> list[EngineStockVoice]:
    """The voices that speak one of LANGUAGES. The Japanese and Chinese ones are only for blending."""
    return [_describe(voice_id) for voice_id in stock_packs().ids if language_of(voice_id) in LANGUAGES]


def language_of(voice_id: str) -> str:
    return LANGUAGE_OF_PREFIX[voice_id[0]]


@cache
def stock_packs() -> StockPacks:
    """Read the asset. The result is cached; do not modify it."""
    with (
        (files("voxport.engine") / "assets" / "stock_voices.npz").open("rb") as file,
        np.load(file) as content,
    ):
        ids = tuple(str(voice_id) for voice_id in content["ids"])
        stored = [content[name] for name in ("means", "curves", "directions")]
    identity = hashlib.sha256(b"".join([",".join(ids).encode(), *(array.tobytes() for array in stored)]))
    means, curves, directions = (array.astype(np.float32) for array in stored)
    return StockPacks(ids, means, curves, directions, identity.hexdigest()[:12])


def _describe(voice_id: str) -> EngineStockVoice:
    name = voice_id.split("_", 1)[1].replace("_", " ").title()
    return EngineStockVoice(voice_id, name, language_of(voice_id), "female" if voice_id[1] == "f" else "male")
