"""Recognises pictures that can be a cover."""

from __future__ import annotations

from typing import Final

from voxport.scripts.script import Cover

MAX_COVER_BYTES: Final = 10 * 1024**2
_MAX_SIDE: Final = 10_000
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of segments with the size (ISO/IEC 10918-1, table B.1)."""


def read_cover(content: bytes) -> Cover | None:
    """Return a JPEG or PNG whose header tells a size of 1 to 10,000 pixels a side; None for anything else."""
    size, kind = (0, 0), ""
    if content.startswith(_PNG) and content[12:16] == b"IHDR" and b"IEND" in content[-16:]:
        kind = "image/png"
        size = (int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))
    elif content.startswith(_JPEG):
        kind, size = "image/jpeg", _jpeg_size(content)
    is_possible = len(content) <= MAX_COVER_BYTES and all(0 < side <= _MAX_SIDE for side in size)
    return Cover(content, kind) if kind and is_possible else None


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Return width and height from the segments in front of the picture; (0, 0) if none tells them."""
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _JPEG_FRAMES:
            height = int.from_bytes(content[at + 5 : at + 7], "big")
            return int.from_bytes(content[at + 7 : at + 9], "big"), height
        at += 2 + max(int.from_bytes(content[at + 2 : at + 4], "big"), 2)
    return 0, 0
