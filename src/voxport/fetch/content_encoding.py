"""Decodes the Content-Encoding of a download, within bounds. Storage that holds compressed objects sends them
compressed, whatever Accept-Encoding says."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

from voxport.errors import SampleUnusable
from voxport.fetch.policy import NetworkFailedError, RefusedError

_CHUNK_BYTES: Final = 1 << 18
_MAX_RATIO: Final = 200
"""Maximum ratio of unpacked to received bytes. Speech compresses to a third, a zip bomb to a thousandth."""
_UNCHECKED_BYTES: Final = 16 << 20
"""Unpacked bytes up to which the ratio is not checked."""
_MAX_MEMBERS: Final = 1_000
_GZIP: Final = b"\x1f\x8b"
_IDENTITY_ENCODINGS: Final = {"", "identity", "none", "aws-chunked"}
"""Values that mean no compression; uploads to S3 leave the last one behind."""
_NAMED_ENCODINGS: Final = ("br", "zstd", "compress")


class ContentDecoder(Protocol):
    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yields the decoded bytes of `data`. Raises RefusedError."""

    def flush(self) -> Iterator[bytes]:
        """Yields the remaining bytes at the end of the body. Raises NetworkFailedError if the body is truncated."""


def decoder_for(content_encoding: str | None) -> ContentDecoder:
    """Returns the decoder for the value of the header. Raises SampleUnusable for an unsupported compression."""
    names = [
        name for one in (content_encoding or "").split(",") if (name := one.strip().lower()) not in _IDENTITY_ENCODINGS
    ]
    if not names:
        return _IdentityDecoder()
    if names in (["gzip"], ["x-gzip"], ["deflate"]):
        return _ZlibDecoder(is_gzip=names != ["deflate"])
    shown = f" ({names[0]})" if len(names) == 1 and names[0] in _NAMED_ENCODINGS else ""
    raise SampleUnusable(
        f"The server sends the file compressed{shown}, in a way that can't be undone here. Store it without a "
        "Content-Encoding, or upload it with upload-media.",
        details={"reason": "unsupported_encoding"},
    )


class _IdentityDecoder:
    def decode(self, data: bytes) -> Iterator[bytes]:
        yield data

    def flush(self) -> Iterator[bytes]:
        return iter(())


class _ZlibDecoder:
    """Decodes gzip (including multiple members) and deflate, which servers send with or without a zlib header. A gzip
    body that is not compressed despite its header is passed through."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._head = b""
        self._decompressor: zlib._Decompress | None = None
        self._is_plain = False
        self._received = self._unpacked = 0
        self._members = 1
        self._is_finished = False

    def decode(self, data: bytes) -> Iterator[bytes]:
        self._received += len(data)
        if self._is_plain:
            yield data
        elif self._is_finished:
            return
        elif self._decompressor is None:
            self._head += data
            if len(self._head) >= 2:
                yield from self._start()
        else:
            yield from self._decompress(data)

    def flush(self) -> Iterator[bytes]:
        if self._decompressor is None and self._head:
            yield self._head  # a single byte
        elif self._decompressor is not None and not self._decompressor.eof:
            raise NetworkFailedError("the compressed body ends early")

    def _start(self) -> Iterator[bytes]:
        head, self._head = self._head, b""
        if self._is_gzip and not head.startswith(_GZIP):
            self._is_plain = True
            yield head
            return
        has_zlib_head = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
        self._decompressor = zlib.decompressobj(31 if self._is_gzip else 15 if has_zlib_head else -15)
        yield from self._decompress(head)

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        assert self._decompressor is not None
        is_full = False
        while data or is_full:
            if self._decompressor.eof:
                # Start the next member, and ignore zeros or other padding behind the last one.
                data = self._head + data
                self._head = data if self._is_gzip and data == _GZIP[:1] else b""
                if self._head or not self._is_gzip or not data.startswith(_GZIP):
                    self._is_finished = not self._head
                    return
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise RefusedError("a compressed body of too many members")
                self._decompressor = zlib.decompressobj(31)
            try:
                chunk = self._decompressor.decompress(data, _CHUNK_BYTES)
            except zlib.error as exc:
                raise RefusedError("the compressed body can't be unpacked") from exc
            data = self._decompressor.unused_data if self._decompressor.eof else self._decompressor.unconsumed_tail
            self._unpacked += len(chunk)
            # A full chunk means that more output may be pending, even if no input is left.
            is_full = len(chunk) == _CHUNK_BYTES and not self._decompressor.eof
            if self._unpacked > max(_UNCHECKED_BYTES, _MAX_RATIO * self._received):
                raise RefusedError("a compressed body that unpacks to too much")
            if chunk:
                yield chunk
