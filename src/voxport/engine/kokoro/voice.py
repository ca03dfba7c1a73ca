"""Defines a voice, Kokoro's 256 style numbers for each token count with the pitch, EQ and rate, and its file format.

A style pack has one style per token count (1 to 510). Packs have rank 8 (with an error of 2e-6 in style numbers with a
deviation of 0.19), so a voice stores a mean and eight directions: 13 kB as a file, or 88 kB with the offsets of the
decoder's norms that a fit adds (`adain.py`).
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.adain import ADAIN_SIZE, NO_OFFSETS
from voxport.engine.kokoro.chunk import MAX_TOKENS
from voxport.engine.kokoro.spectral_eq import EQ_BANDS
from voxport.engine_errors import VoiceFileError

RANK: Final = 8
STYLE_SIZE: Final = 256
TIMBRE: Final = slice(0, 128)
"""The half of a style that the decoder reads: how the voice sounds."""
PROSODY: Final = slice(128, 256)
"""The half that the predictor reads: rhythm, melody, energy."""
ENGINE_ID: Final = "kokoro-82m-v1.0"
_MAGIC: Final = b"VOXPORTV"
_VERSION: Final = 4
_READABLE_VERSIONS: Final = (3, _VERSION)
"""Version 3 has no offsets of norms, and is otherwise the same."""
_CHECKSUM_BYTES: Final = 32
"""The SHA-256 of everything before it."""
_SPLIT_INDICES: Final = np.cumsum([STYLE_SIZE, MAX_TOKENS * RANK, RANK * STYLE_SIZE, EQ_BANDS])
"""The ends of the mean, the curves, the directions and the EQ in a file's numbers. The offsets of the norms come last,
unless there are none."""


@dataclass(frozen=True)
class EngineVoice:
    """A voice. Its style per token count is `mean` [256] plus `curves` [510, 8] times `directions` [8, 256], float32.

    The spoken pitch is `f0_slope` times the predicted one plus `f0_offset`, in log Hz over voiced frames. `median_f0`
    (Hz) is the speaker's own, if it was measured. `asset` is the identity of the stock voices it was made from.
    `spectral_eq` [80] is the filter after the network (`spectral_eq.py`). `rate` is the speaking rate; 1 is the
    network's own. `adain_offsets` [37396] are added to the scales and shifts of the decoder's norms (`adain.py`).
    """

    mean: FloatArray
    curves: FloatArray
    directions: FloatArray
    language: str
    asset: str
    f0_offset: float = 0.0
    f0_slope: float = 1.0
    median_f0: float | None = None
    spectral_eq: FloatArray = field(default_factory=lambda: np.zeros(EQ_BANDS, np.float32))
    rate: float = 1.0
    adain_offsets: FloatArray = field(default_factory=lambda: NO_OFFSETS)

    def style(self, token_count: int) -> FloatArray:
        """The style, float32 [256], of a chunk of `token_count` tokens (without boundary tokens)."""
        row = min(max(token_count, 1), MAX_TOKENS) - 1
        return np.asarray(self.mean + self.curves[row] @ self.directions, np.float32)

    def pack(self) -> FloatArray:
        """The whole style pack, float32 [510, 256]."""
        return (self.mean + self.curves @ self.directions).astype(np.float32)

    def with_f0(self, *, offset: float, slope: float, median: float | None) -> EngineVoice:
        return replace(self, f0_offset=offset, f0_slope=slope, median_f0=median)

    def with_spectral_eq(self, spectral_eq: FloatArray) -> EngineVoice:
        return replace(self, spectral_eq=spectral_eq)

    def with_rate(self, rate: float) -> EngineVoice:
        return replace(self, rate=rate)

    def with_timbre(self, offset: FloatArray) -> EngineVoice:
        """Add `offset` [128] to the timbre half of the style at every token count."""
        mean = self.mean.copy()
        mean[TIMBRE] += offset
        return replace(self, mean=mean)

    def with_adain_offsets(self, adain_offsets: FloatArray) -> EngineVoice:
        return replace(self, adain_offsets=adain_offsets)

    @classmethod
    def from_pack(cls, pack: FloatArray, *, language: str, asset: str) -> EngineVoice:
        """Approximate a style pack [510, 256] by the nearest voice of rank 8."""
        mean = pack.mean(axis=0)
        left, sizes, directions = np.linalg.svd(pack - mean, full_matrices=False)
        curves = left[:, :RANK] * sizes[:RANK]
        return cls(_to_float32(mean), _to_float32(curves), _to_float32(directions[:RANK]), language, asset)

    def to_bytes(self) -> bytes:
        """Write the voice file: magic, length of the header, JSON header, little-endian float16 numbers, checksum."""
        header = {
            "version": _VERSION,
            "engine": ENGINE_ID,
            "asset": self.asset,
            "language": self.language,
            "f0_offset": self.f0_offset,
            "f0_slope": self.f0_slope,
            "median_f0": self.median_f0,
            "rate": self.rate,
        }
        text = json.dumps(header, sort_keys=True).encode()
        offsets = self.adain_offsets if self.adain_offsets.any() else self.adain_offsets[:0]
        numbers = np.concatenate([self.mean, self.curves.ravel(), self.directions.ravel(), self.spectral_eq, offsets])
        content = _MAGIC + struct.pack("<I", len(text)) + text + numbers.astype("<f2").tobytes()
        return content + hashlib.sha256(content).digest()

    @classmethod
    def from_bytes(cls, content: bytes, *, asset: str | None = None) -> EngineVoice:
        """Read a voice file. Raises VoiceFileError for a damaged file, another version, another engine, or (given
        `asset`) a voice made from other stock voices."""
        header, numbers = _parse(content)
        if header.get("version") not in _READABLE_VERSIONS or header.get("engine") != ENGINE_ID:
            raise VoiceFileError("This voice was made by another version of the engine. Make it again from its sample.")
        if asset is not None and header.get("asset") != asset:
            raise VoiceFileError("This voice was made from other stock voices. Make it again from its sample.")
        values = np.frombuffer(numbers, "<f2").astype(np.float32)
        mean, curves, directions, spectral_eq, adain_offsets = np.split(values, _SPLIT_INDICES)
        if adain_offsets.size not in (0, ADAIN_SIZE):
            raise VoiceFileError("This voice file is damaged.")
        median = header["median_f0"]
        return cls(
            mean,
            curves.reshape(MAX_TOKENS, RANK),
            directions.reshape(RANK, STYLE_SIZE),
            str(header["language"]),
            str(header["asset"]),
            float(header["f0_offset"]),
            float(header["f0_slope"]),
            None if median is None else float(median),
            spectral_eq,
            float(header["rate"]),
            adain_offsets if adain_offsets.size else NO_OFFSETS,
        )


def _parse(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Verify the checksum of a voice file, and return (header, numbers)."""
    start = len(_MAGIC) + 4
    body, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    if not content.startswith(_MAGIC):
        raise VoiceFileError("This is not a voice file.")
    if len(body) < start or hashlib.sha256(body).digest() != checksum:
        raise VoiceFileError("This voice file is damaged.")
    (length,) = struct.unpack("<I", body[len(_MAGIC) : start])
    header: dict[str, Any] = json.loads(body[start : start + length])
    return header, body[start + length :]


def _to_float32(numbers: FloatArray) -> FloatArray:
    return np.ascontiguousarray(numbers, np.float32)
