"""The first guess: what style a speaker has, from the embedding alone, learned from speech that the engine made.

`scripts/build_first_guess.py` spoke sentences in random styles (mixes of stock voices, shaken), listened with the
speaker encoder, and fitted the way back. No recording of a person was used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from voxport.audio.arrays import Floats
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice import TIMBRE, Voice
from voxport.engine.kokoro.voice_blend import nearest_mix, stock_embeddings
from voxport.engine_errors import EngineUnavailable


@dataclass(frozen=True)
class Guess:
    """`z = [embedding, log f0 - middle, 1] @ weights`, in units of the stock voices' deviation: [258, 128]."""

    asset: str
    middle: float
    weights: Floats

    def timbre(self, embedding: Floats, median: float) -> Floats:
        """The timbre half of the style [128] of a speaker with `embedding` [256] and the pitch `median` (Hz)."""
        means = stock_packs().means[:, TIMBRE]
        heard = np.concatenate([embedding, [np.log(median) - self.middle, 1.0]])
        return np.asarray(means.mean(axis=0) + (heard @ self.weights) * means.std(axis=0), np.float32)


def first_guess(embedding: Floats, median: float, language: str) -> Voice:
    """The voice of a speaker with this `embedding` [256] and median pitch (Hz). The rhythm is that of the mix of
    `language`'s stock voices that is nearest to the speaker, or it would be an accent."""
    packs = stock_packs()
    table = stock_embeddings().at(median)
    speaks = np.array([1.0 if packs.voice_language(i) == language else 0.0 for i in range(len(packs.ids))])
    mix = nearest_mix(embedding, table * speaks[:, None])
    voice = packs.mix(mix, mix, language)
    return voice.with_timbre(_guess().timbre(embedding, median) - voice.mean[TIMBRE])


@cache
def _guess() -> Guess:
    with (files("voxport.engine") / "assets" / "first_guess.npz").open("rb") as file, np.load(file) as content:
        guess = Guess(str(content["asset"]), float(content["middle"]), content["weights"].astype(np.float64))
    if guess.asset != stock_packs().identity:
        raise EngineUnavailable("The first guess was learned from other stock voices: build its asset again.")
    return guess
