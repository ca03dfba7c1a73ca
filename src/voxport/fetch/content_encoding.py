"""Undoes the Content-Encoding of a download, within bounds: storage that keeps objects compressed sends them so,
whatever Accept-Encoding says."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

from voxport.errors import SampleUnusable
from voxport.fetch.policy import NetworkFailedError, RefusedError

_PIECE_BYTES: Final = 1 << 18
_MAX_RATIO: Final = 200
"""Of unpacked to received bytes, over the first megabytes: speech packs to a third, a bomb to a thousandth."""
_FREE_BYTES: Final = 16 << 20
"""Unpacked bytes of which no ratio is asked."""
_MAX_MEMBERS: Final = 1_000
_GZIP: Final = b"\x1f\x8b"
_NONE: Final = {"", "identity", "none", "aws-chunked"}
"""Names of no compression; the last is left behind by uploads to S3."""
_KNOWN: Final = ("br", "zstd", "compress")


class Unpacker(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes of these bytes. Raises RefusedError."""

    def finish(self) -> Iterator[bytes]:
        """What comes at the end. Raises NetworkFailedError where the body ends early."""


def unpacker_for(content_encoding: str | None) -> Unpacker:
    """For the value of the header. Raises SampleUnusable for a compression that is not undone."""
    names = [name for one in (content_encoding or "").split(",") if (name := one.strip().lower()) not in _NONE]
    if not names:
        return _Plain()
    if names in (["gzip"], ["x-gzip"], ["deflate"]):
        return _Inflating(is_gzip=names != ["deflate"])
    shown = f" ({names[0]})" if len(names) == 1 and names[0] in _KNOWN else ""
    raise SampleUnusable(
        f"The server sends the file compressed{shown}, in a way that can't be undone here. Store it without a "
        "Content-Encoding, or upload it with upload-media.",
        details={"reason": "unsupported_encoding"},
    )


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> Iterator[bytes]:
        return iter(())


class _Inflating:
    """gzip (of several members too) and deflate, which servers send with and without zlib's head. A body that is not
    compressed, against its header, is given as it is."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._head = b""
        self._inflate: zlib._Decompress | None = None
        self._is_plain = False
        self._received = self._unpacked = 0
        self._members = 1
        self._is_over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._received += len(data)
        if self._is_plain:
            yield data
        elif self._is_over:
            return
        elif self._inflate is None:
            self._head += data
            if len(self._head) >= 2:
                yield from self._begin()
        else:
            yield from self._inflated(data)

    def finish(self) -> Iterator[bytes]:
        if self._inflate is None and self._head:
            yield self._head  # a single byte
        elif self._inflate is not None and not self._inflate.eof:
            raise NetworkFailedError("the compressed body ends early")

    def _begin(self) -> Iterator[bytes]:
        head, self._head = self._head, b""
        if self._is_gzip and not head.startswith(_GZIP):
            self._is_plain = True
            yield head
            return
        has_zlib_head = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
        self._inflate = zlib.decompressobj(31 if self._is_gzip else 15 if has_zlib_head else -15)
        yield from self._inflated(head)

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        assert self._inflate is not None
        is_full = False
        while data or is_full:
            if self._inflate.eof:
                # Another member; zeros and whatever else pads the last one are nothing.
                data = self._head + data
                self._head = data if self._is_gzip and data == _GZIP[:1] else b""
                if self._head or not self._is_gzip or not data.startswith(_GZIP):
                    self._is_over = not self._head
                    return
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise RefusedError("a compressed body of too many members")
                self._inflate = zlib.decompressobj(31)
            try:
                piece = self._inflate.decompress(data, _PIECE_BYTES)
            except zlib.error as exc:
                raise RefusedError("the compressed body can't be unpacked") from exc
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            self._unpacked += len(piece)
            # Of what was read more may come, also where nothing is left to read.
            is_full = len(piece) == _PIECE_BYTES and not self._inflate.eof
            if self._unpacked > max(_FREE_BYTES, _MAX_RATIO * self._received):
                raise RefusedError("a compressed body that unpacks to too much")
            if piece:
                yield piece
