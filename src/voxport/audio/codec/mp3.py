"""Encodes mp3 in this process by LAME: constant 128 kbit/s, mono, at 24 kHz (MPEG-2, layer III)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import BinaryIO, Final

import lameenc

from voxport.audio.arrays import SAMPLE_RATE, Pcm

_KBITS: Final = 128
_QUALITY: Final = 7
"""At 128 kbit/s, what mp3 changes lies 45 to 50 dB below the speech of six speakers at any of LAME's qualities, as
measured; the finer 5 takes a third longer, and 2 five times as long."""
_FRAME_SAMPLES: Final = 576
_FRAME_BYTES: Final = 72 * _KBITS * 1000 // SAMPLE_RATE
_ENCODER_DELAY: Final = 576  # samples of silence that LAME puts before the audio
_HEADER: Final = bytes((0xFF, 0xF3, 0xC4, 0xC4))  # MPEG-2, layer III, no checksum; 128 kbit/s, 24 kHz; mono
_SIDE_INFORMATION: Final = bytes(9)
_ALL_FIELDS: Final = 0b0111  # the tag has the number of frames and of bytes, and a table of contents


class Mp3Encoder:
    def __init__(self) -> None:
        self._lame = lameenc.Encoder()
        self._lame.set_bit_rate(_KBITS)
        self._lame.set_in_sample_rate(SAMPLE_RATE)
        self._lame.set_channels(1)
        self._lame.set_quality(_QUALITY)
        self._lame.silence()
        self._is_begun = False

    def encode(self, samples: Pcm) -> bytes:
        """Returns the frames that are complete; a frame holds 24 ms."""
        if not samples.size:
            return b""
        self._is_begun = True
        return bytes(self._lame.encode(samples.astype("<i2").tobytes()))

    def finish(self) -> bytes:
        """Returns the rest, filled with silence."""
        return bytes(self._lame.flush()) if self._is_begun else b""


def write_mp3(pieces: Iterable[Pcm], file: BinaryIO) -> int:
    """Writes the samples, as they come, to an empty seekable file, after a frame that gives their number, so that
    players leave out the encoder's padding. Returns the number of samples. Exceptions of `pieces` propagate and leave
    the file unusable."""
    encoder, samples = Mp3Encoder(), 0
    file.write(bytes(_FRAME_BYTES))
    for piece in pieces:
        samples += len(piece)
        file.write(encoder.encode(piece))
    file.write(encoder.finish())
    size = file.tell()
    file.seek(0)
    file.write(_length_frame(samples, size))
    file.seek(0, os.SEEK_END)
    return samples


def _length_frame(samples: int, size: int) -> bytes:
    """Returns a silent frame with the tag `Info` and LAME's extension of it, as players know them. `size` is the file's
    with this frame, in bytes."""
    frames = size // _FRAME_BYTES - 1
    padding = frames * _FRAME_SAMPLES - _ENCODER_DELAY - samples
    contents = bytes(number * 256 // 100 for number in range(100))  # the rate is constant
    tag = b"Info" + _ALL_FIELDS.to_bytes(4) + frames.to_bytes(4) + size.to_bytes(4) + contents
    # The encoder's name, which says that the extension is one; then nothing up to delay and padding, 12 bits each.
    extension = b"Lavc".ljust(21, b"\0") + (_ENCODER_DELAY << 12 | max(0, padding)).to_bytes(3)
    return (_HEADER + _SIDE_INFORMATION + tag + extension).ljust(_FRAME_BYTES, b"\0")
