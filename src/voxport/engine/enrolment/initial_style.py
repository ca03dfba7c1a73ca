"""The first guess: what style a speaker has, from the embedding alone, learned from speech that the engine made.

`scripts/build_initial_style.py` spoke sentences in random styles (mixes of stock voices, shaken), listened with the
speaker encoder, and fitted the way back. No recording of a person was used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice import TIMBRE, EngineVoice
from voxport.engine.kokoro.voice_blend import nearest_blend, stock_embeddings
from voxport.engine_errors import EngineUnavailable


@dataclass(frozen=True)
class InitialStyleModel:
    """`z = [embedding, log f0 - mean_log_f0, 1] @ weights`, in units of the stock voices' deviation: [258, 128]."""

    asset: str
    mean_log_f0: float
    weights: FloatArray

    def predict_timbre(self, embedding: FloatArray, median: float) -> FloatArray:
        """The timbre half of the style [128] of a speaker with `embedding` [256] and the pitch `median` (Hz)."""
        means = stock_packs().means[:, TIMBRE]
        features = np.concatenate([embedding, [np.log(median) - self.mean_log_f0, 1.0]])
        return np.asarray(means.mean(axis=0) + (features @ self.weights) * means.std(axis=0), np.float32)


def initial_voice(embedding: FloatArray, median: float, language: str) -> EngineVoice:
    """The voice of a speaker with this `embedding` [256] and median pitch (Hz). The rhythm is that of the mix of
    `language`'s stock voices that is nearest to the speaker, or it would be an accent."""
    packs = stock_packs()
    embeddings = stock_embeddings().at_pitch(median)
    speaks_language = np.array([1.0 if packs.voice_language(i) == language else 0.0 for i in range(len(packs.ids))])
    weights = nearest_blend(embedding, embeddings * speaks_language[:, None])
    voice = packs.blend(weights, weights, language)
    return voice.with_timbre(_load_model().predict_timbre(embedding, median) - voice.mean[TIMBRE])


@cache
def _load_model() -> InitialStyleModel:
    with (files("voxport.engine") / "assets" / "initial_style.npz").open("rb") as file, np.load(file) as content:
        model = InitialStyleModel(
            str(content["asset"]), float(content["middle"]), content["weights"].astype(np.float64)
        )
    if model.asset != stock_packs().identity:
        raise EngineUnavailable("The first guess was learned from other stock voices: build its asset again.")
    return model
