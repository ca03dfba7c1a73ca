"""Converts samples to 16 bits and writes WAV files."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from voxport.audio.arrays import SAMPLE_RATE, Pcm

Header = Callable[[int | None], bytes]
"""Builds the header of a file from its number of data bytes, which is None if unknown."""

_UNKNOWN_SIZE: Final = 0xFFFFFFFF  # as ffmpeg writes it to a pipe and players accept it


def to_pcm16(audio: npt.NDArray[np.float32]) -> Pcm:
    """Converts full scale (-1 to 1) to 16 bits, rounded. Clips values outside the range, so that none wraps around."""
    pcm: Pcm = np.rint(np.clip(audio, -1.0, 1.0) * 32_767.0).astype(np.int16)
    return pcm


def wav_bytes(pcm: Pcm, rate: int = SAMPLE_RATE) -> bytes:
    """Returns a WAV file, mono, 16 bits, `rate` in Hz."""
    return wav_header(2 * len(pcm), rate) + pcm.astype("<i2").tobytes()


def wav_header(data_bytes: int | None, rate: int = SAMPLE_RATE) -> bytes:
    """Returns the 44-byte RIFF header for mono, 16 bits, `rate` in Hz. `data_bytes` is None for a stream."""
    riff_bytes = _UNKNOWN_SIZE if data_bytes is None else 36 + data_bytes
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    data = struct.pack("<4sI", b"data", _UNKNOWN_SIZE if data_bytes is None else data_bytes)
    return struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE") + form + data


class WavStream:
    """A WAV of unknown length, as it is streamed."""

    def __init__(self) -> None:
        self._header = wav_header(None)

    def encode(self, samples: Pcm) -> bytes:
        content, self._header = self._header + samples.astype("<i2").tobytes(), b""
        return content

    def finish(self) -> bytes:
        return b""


def write_samples(pieces: Iterable[Pcm], file: BinaryIO, header: Header = wav_header) -> int:
    """Writes a header and the samples, as they come, to an empty seekable file. Returns the number of samples.
    Exceptions of `pieces` propagate and leave the file unusable."""
    samples = 0
    file.write(header(None))
    for piece in pieces:
        samples += len(piece)
        file.write(piece.astype("<i2").tobytes())
    file.seek(0)
    file.write(header(2 * samples))
    file.seek(0, os.SEEK_END)
    return samples
