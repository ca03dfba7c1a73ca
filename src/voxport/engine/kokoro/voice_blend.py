"""Which mix of stock voices lies nearest to a speaker, judged by a table of how each of them sounds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from voxport.audio.arrays import Floats

_SWEEPS: Final = 200
_SMALLEST: Final = 0.02
"""Weights below it are dropped: they add voices to the mix, and nothing to hear."""


@dataclass(frozen=True)
class StockEmbeddings:
    """`embeddings` [54, medians, 256] of the stock voices, each spoken with its median pitch at each of `medians`
    (Hz, rising), made by `scripts/build_stock_embeddings.py`. A speaker encoder hears the pitch too, so that
    voices are compared at the speaker's own."""

    asset: str
    medians: Floats
    embeddings: Floats

    def at(self, median: float) -> Floats:
        """float64 [54, 256], each of length 1, for a median pitch in Hz (kept within the table's range)."""
        places = np.log(self.medians)
        place = float(np.interp(np.log(median), places, np.arange(places.size)))
        low = min(int(place), places.size - 2)
        between = self.embeddings[:, low] * (1 - place + low) + self.embeddings[:, low + 1] * (place - low)
        return np.asarray(between / np.linalg.norm(between, axis=1, keepdims=True))


@cache
def stock_embeddings() -> StockEmbeddings:
    """The table, read once and never changed."""
    with (files("voxport.engine") / "assets" / "stock_embeddings.npz").open("rb") as file, np.load(file) as content:
        embeddings = content["embeddings"].astype(np.float64)
        return StockEmbeddings(str(content["asset"]), content["medians"], embeddings)


def nearest_mix(target: Floats, table: Floats, *, most: int = 6) -> Floats:
    """Weights [n], none negative, sum 1, at most `most` of them: the mix of the rows of `table` [n, d] whose
    direction is nearest to that of `target` [d]."""
    weights = _non_negative(target, table)
    weakest = np.argsort(weights)[:-most]
    kept = np.delete(np.arange(len(table)), weakest)
    weights = np.zeros(len(table))
    weights[kept] = _non_negative(target, table[kept])
    if weights.sum() == 0.0:
        weights[int(np.argmax(table @ target))] = 1.0
    return cleaned(weights)


def cleaned(weights: Floats) -> Floats:
    """Weights without the smallest, with sum 1."""
    shares = weights / weights.sum()
    shares[shares < _SMALLEST] = 0.0
    return np.asarray(shares / shares.sum())


def _non_negative(target: Floats, table: Floats) -> Floats:
    """Non-negative least squares by coordinate descent. Its solution's direction is the nearest of the cone that
    the rows span, so its scale, which the encoder does not hear, needs no care."""
    gram, wanted = table @ table.T, table @ target
    weights = np.zeros(len(table))
    for _ in range(_SWEEPS):
        for i in range(len(table)):
            if gram[i, i] > 0.0:  # a row of zeros is a voice left out
                weights[i] = max(0.0, weights[i] + (wanted[i] - gram[i] @ weights) / gram[i, i])
    return weights
