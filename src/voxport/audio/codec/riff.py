"""Detects WAV headers that give less than the file's length, as interrupted recorders and streaming tools leave."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final

_MAX_CHUNKS: Final = 64


def has_wrong_length(file: BinaryIO) -> bool:
    """Returns True if a WAV file's data chunk ends before the file does and is not followed by a valid chunk. False for
    any other file. Restores the position in the file."""
    position = file.tell()
    try:
        size = os.fstat(file.fileno()).st_size
        return _is_length_wrong(file, size)
    finally:
        file.seek(position)


def _is_length_wrong(file: BinaryIO, size: int) -> bool:
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return False
    offset = 12
    for _ in range(_MAX_CHUNKS):
        chunk = _read_chunk_header(file, offset, size)
        if chunk is None:
            return False
        name, length = chunk
        offset += 8 + length + length % 2
        if name == b"data":
            # Sizes of 0 and 0xFFFFFFFF mark a stream, which the decoder reads to the end by itself.
            return 0 < length < 0xFFFFFFFF and offset + 8 <= size and not _is_chunk(file, offset, size)
    return False


def _read_chunk_header(file: BinaryIO, offset: int, size: int) -> tuple[bytes, int] | None:
    if offset + 8 > size:
        return None
    file.seek(offset)
    name, length = struct.unpack("<4sI", file.read(8))
    return name, length


def _is_chunk(file: BinaryIO, offset: int, size: int) -> bool:
    chunk = _read_chunk_header(file, offset, size)
    return chunk is not None and all(0x20 <= letter < 0x7F for letter in chunk[0]) and offset + 8 + chunk[1] <= size + 1
