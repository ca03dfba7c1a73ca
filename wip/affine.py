"""What a style says to the decoder: a scale and a shift for every channel of its 58 adaptive norms, in one row.

The row holds, for each norm in the order of `AffineMap.layers`, first the scales less one, then the shifts:
`[scale - 1 (channels), shift (channels)]`. A norm gives `(1 + scale) x normalised + shift`. The row is linear in the
decoder's half of a style, so an offset added to it is a voice's own departure from what any style can say.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from voxport.engine.arrays import Floats

TIMBRE = 128
"""The numbers of a style that the decoder reads: the first ones."""


@dataclass(frozen=True)
class AffineLayer:
    """The norm at a module path of Kokoro's decoder ("generator.resblocks.0.adain1.0") and where its numbers are."""

    path: str
    offset: int
    channels: int

    @property
    def scales(self) -> slice:
        return slice(self.offset, self.offset + self.channels)

    @property
    def shifts(self) -> slice:
        return slice(self.offset + self.channels, self.offset + 2 * self.channels)


class AffineMap:
    """From a style to its row. `weight` float32 [128, size], `bias` float32 [size]."""

    def __init__(self, layers: tuple[AffineLayer, ...], weight: Floats, bias: Floats) -> None:
        self.layers = layers
        self.weight = weight
        self.bias = bias

    @property
    def size(self) -> int:
        return int(self.bias.size)

    def __call__(self, style: Floats) -> Floats:
        """float32 [size] of a style [256], or of its first half."""
        row: Floats = style.ravel()[:TIMBRE].astype(np.float32) @ self.weight + self.bias
        return row


def packed(norms: list[tuple[str, int]], weights: list[Any], scales: list[Any], biases: list[Any]) -> bytes:
    """The file of a map: for each norm (path, channels) its weight int8 [128, 2 x channels], the weight's scale for
    each column, and its bias."""
    file = io.BytesIO()
    columns = [np.broadcast_to(scale, bias.shape) for scale, bias in zip(scales, biases, strict=True)]
    np.savez(
        file,
        paths=np.array([path for path, _ in norms]),
        channels=np.array([channels for _, channels in norms]),
        weight=np.concatenate(weights, axis=1),
        scale=np.concatenate(columns).astype(np.float32),
        bias=np.concatenate(biases).astype(np.float32),
    )
    return file.getvalue()


def load_affine_map(file: str | bytes) -> AffineMap:
    """A map by its path, or from its bytes."""
    with np.load(io.BytesIO(file) if isinstance(file, bytes) else file, allow_pickle=False) as stored:
        channels = stored["channels"].tolist()
        ends = np.cumsum([2 * count for count in channels]).tolist()
        layers = tuple(
            AffineLayer(path, end - 2 * count, count)
            for path, count, end in zip(stored["paths"].tolist(), channels, ends, strict=True)
        )
        weight = stored["weight"].astype(np.float32) * stored["scale"]
        return AffineMap(layers, weight, stored["bias"])
