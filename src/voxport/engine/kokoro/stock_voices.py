"""The 54 stock voices, from one small asset (`scripts/build_stock_voices.py` makes it from Kokoro's packs)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from voxport.audio.arrays import Floats
from voxport.engine.kokoro.voice import PROSODY, Voice
from voxport.text.languages import LANGUAGE_OF_PREFIX, LANGUAGES


@dataclass(frozen=True)
class StockVoice:
    """What a caller sees of a stock voice: `id` ("af_heart"), `name` ("Heart"), `gender` ("female", "male")."""

    id: str
    name: str
    language: str
    gender: str


@dataclass(frozen=True)
class StockPacks:
    """All 54 voices, as `Voice` holds them: `means` [54, 256], `curves` [54, 510, 8], `directions` [54, 8, 256].
    `identity` names the asset in voice files."""

    ids: tuple[str, ...]
    means: Floats
    curves: Floats
    directions: Floats
    identity: str

    def voice(self, index: int) -> Voice:
        language = self.voice_language(index)
        return Voice(self.means[index], self.curves[index], self.directions[index], language, self.identity)

    def voice_language(self, index: int) -> str:
        return language_of(self.ids[index])

    def mix(self, timbre: Floats, prosody: Floats, language: str) -> Voice:
        """The voice whose pack is the weighted mean of the stock packs, with weights [54] for each half."""
        pack = self._weighted(timbre)
        pack[:, PROSODY] = self._weighted(prosody)[:, PROSODY]
        return Voice.from_pack(pack, language=language, asset=self.identity)

    def _weighted(self, weights: Floats) -> Floats:
        """float32 [510, 256]; only the voices that have a weight are worked out."""
        used = np.flatnonzero(weights)
        packs = (weights[i] * (self.means[i] + self.curves[i] @ self.directions[i]) for i in used)
        return np.asarray(sum(packs), np.float32)


def stock_voice_list() -> list[StockVoice]:
    """The voices that speak one of LANGUAGES. (Japanese and Chinese ones are for mixing only.)"""
    return [_described(voice_id) for voice_id in stock_packs().ids if language_of(voice_id) in LANGUAGES]


def language_of(voice_id: str) -> str:
    return LANGUAGE_OF_PREFIX[voice_id[0]]


@cache
def stock_packs() -> StockPacks:
    """The asset, read once and never changed."""
    with (
        (files("voxport.engine") / "assets" / "stock_voices.npz").open("rb") as file,
        np.load(file) as content,
    ):
        ids = tuple(str(voice_id) for voice_id in content["ids"])
        stored = [content[name] for name in ("means", "curves", "directions")]
    identity = hashlib.sha256(b"".join([",".join(ids).encode(), *(array.tobytes() for array in stored)]))
    means, curves, directions = (array.astype(np.float32) for array in stored)
    return StockPacks(ids, means, curves, directions, identity.hexdigest()[:12])


def _described(voice_id: str) -> StockVoice:
    name = voice_id.split("_", 1)[1].replace("_", " ").title()
    return StockVoice(voice_id, name, language_of(voice_id), "female" if voice_id[1] == "f" else "male")
