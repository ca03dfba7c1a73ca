"""Finds the blend of stock voices that is nearest to a speaker, by a table of the stock voices' embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import numpy as np

from voxport.audio.arrays import FloatArray

_SWEEPS: Final = 200
_MIN_WEIGHT: Final = 0.02
"""Smaller weights are dropped: they have no audible effect."""


@dataclass(frozen=True)
class StockEmbeddings:
    """The `embeddings` [54, medians, 256] of the stock voices, each spoken at each median pitch of `medians` (Hz,
    rising), made by `scripts/build_stock_embeddings.py`.

    An embedding depends on the pitch, so voices are compared at the speaker's own.
    """

    asset: str
    medians: FloatArray
    embeddings: FloatArray

    def at_pitch(self, median: float) -> FloatArray:
        """Interpolate the embeddings at a median pitch in Hz, clipped to the table's range: float64 [54, 256], each of
        length 1."""
        log_medians = np.log(self.medians)
        position = float(np.interp(np.log(median), log_medians, np.arange(log_medians.size)))
        low = min(int(position), log_medians.size - 2)
        interpolated = self.embeddings[:, low] * (1 - position + low) + self.embeddings[:, low + 1] * (position - low)
        return np.asarray(interpolated / np.linalg.norm(interpolated, axis=1, keepdims=True))


@cache
def stock_embeddings() -> StockEmbeddings:
    """Read the table. The result is cached; do not modify it."""
    with (files("voxport.engine") / "assets" / "stock_embeddings.npz").open("rb") as file, np.load(file) as content:
        embeddings = content["embeddings"].astype(np.float64)
        return StockEmbeddings(str(content["asset"]), content["medians"], embeddings)


def nearest_blend(target: FloatArray, table: FloatArray, *, max_voices: int = 6) -> FloatArray:
    """Find the blend of the rows of `table` [n, d] whose direction is nearest to that of `target` [d].

    Returns weights [n]: non-negative, with sum 1, at most `max_voices` of them not zero.
    """
    weights = _non_negative_least_squares(target, table)
    weakest = np.argsort(weights)[:-max_voices]
    kept = np.delete(np.arange(len(table)), weakest)
    weights = np.zeros(len(table))
    weights[kept] = _non_negative_least_squares(target, table[kept])
    if weights.sum() == 0.0:
        weights[int(np.argmax(table @ target))] = 1.0
    return prune_weights(weights)


def prune_weights(weights: FloatArray) -> FloatArray:
    """Set the smallest weights to 0 and normalise the sum to 1."""
    normalized = weights / weights.sum()
    normalized[normalized < _MIN_WEIGHT] = 0.0
    return np.asarray(normalized / normalized.sum())


def _non_negative_least_squares(target: FloatArray, table: FloatArray) -> FloatArray:
    """Solve non-negative least squares by coordinate descent. The solution has the nearest direction in the cone that
    the rows span. Its scale does not matter, since embeddings have length 1."""
    gram, projections = table @ table.T, table @ target
    weights = np.zeros(len(table))
    for _ in range(_SWEEPS):
        for i in range(len(table)):
            if gram[i, i] > 0.0:  # a row of zeros is an excluded voice
                weights[i] = max(0.0, weights[i] + (projections[i] - gram[i] @ weights) / gram[i, i])
    return weights
