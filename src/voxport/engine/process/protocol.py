"""Frames between the engine's process and its client: a JSON header, and arrays or files as raw bytes.

4 bytes  length of the header, little endian
4 bytes  length of the body
header   UTF-8 JSON
body     raw bytes: float32 samples, or a voice file
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, Final

_LENGTHS: Final = struct.Struct("<II")
_MOST: Final = 1 << 30

Header = dict[str, Any]


def pack(header: Header, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


def unpack(read: Callable[[int], bytes]) -> tuple[Header, bytes]:
    """The next frame. `read(n)` gives exactly n bytes. Raises ValueError where there is no frame."""
    header_length, body_length = _LENGTHS.unpack(read(_LENGTHS.size))
    if header_length > _MOST or body_length > _MOST:
        raise ValueError("not a frame")
    header: Header = json.loads(read(header_length))
    return header, read(body_length)
