"""Predicts a speaker's initial style from the speaker embedding and the median pitch, with a linear model.

`scripts/build_initial_style.py` trained the model on speech of the engine: it spoke sentences in random styles (blends
of stock voices with noise), embedded them with the speaker encoder and fitted the inverse map. It used no recording of
a person.
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
    """The linear model `z = [embedding, log f0 - mean_log_f0, 1] @ weights`, with `weights` [258, 128]. `z` is in units
    of the stock voices' deviation."""

    asset: str
    mean_log_f0: float
    weights: FloatArray

    def predict_timbre(self, embedding: FloatArray, median: float) -> FloatArray:
        """Predict the timbre half of the style [128] from the `embedding` [256] and the `median` pitch (Hz)."""
        means = stock_packs().means[:, TIMBRE]
        features = np.concatenate([embedding, [np.log(median) - self.mean_log_f0, 1.0]])
        return np.asarray(means.mean(axis=0) + (features @ self.weights) * means.std(axis=0), np.float32)


def initial_voice(embedding: FloatArray, median: float, language: str) -> EngineVoice:
    """The initial voice of a speaker with this `embedding` [256] and `median` pitch (Hz).

    Its prosody is that of the blend of stock voices of `language` that is nearest to the speaker: stock voices of other
    languages would add an accent.
    """
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
