"""Packs and unpacks the frames between the engine's process and its clients.

4 bytes  length of the header, little endian
4 bytes  length of the body
header   UTF-8 JSON
body     raw bytes: float32 samples, a voice file or a checkpoint

The process first sends `{"kind": "hello", "protocol": PROTOCOL}`. A client then sends calls, each with a `number` of
its own, which each frame about the call carries: `started`, `progress`, and `answer` or `error`. `abandon` gives up a
call; `ping` is answered by `pong` even while the process computes.

A call may have the `traceparent` of its caller's span. The last frame about it then has `spans`, each a name, a begin
and an end in Unix nanoseconds: the process itself sends nothing to anybody else.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any, Final

PROTOCOL: Final = 5
"""Raise it with every change of the frames: a client does not use a process of another protocol."""
_LENGTHS_HEADER: Final = struct.Struct("<II")
_MAX_BYTES: Final = 1 << 30

Header = dict[str, Any]


def pack(header: Header, body: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return _LENGTHS_HEADER.pack(len(text), len(body)) + text + body


def unpack(read: Callable[[int], bytes]) -> tuple[Header, bytes]:
    """Read the next frame. `read(n)` returns exactly n bytes. Raises ValueError when the bytes are not a frame."""
    header_length, body_length = _LENGTHS_HEADER.unpack(read(_LENGTHS_HEADER.size))
    if header_length > _MAX_BYTES or body_length > _MAX_BYTES:
        raise ValueError("not a frame")
    header: Header = json.loads(read(header_length))
    return header, read(body_length)
