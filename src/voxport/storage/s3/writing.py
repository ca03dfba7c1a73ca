"""Writes objects: small ones by one request, large ones in parts."""

from __future__ import annotations

import contextlib
import logging
import secrets
from pathlib import Path
from types import TracebackType
from typing import Final

from voxport.storage.base import KeyExists, StorageUnavailable
from voxport.storage.s3.bucket import Bucket

_STREAM_PART_BYTES: Final = 5 << 20  # the smallest part that S3 takes; each upload holds one in memory
_FILE_PART_BYTES: Final = 16 << 20
_SINGLE_PUT_BYTES: Final = 32 << 20
_MAX_PARTS: Final = 10_000
_MAX_COPY_BYTES: Final = 5 * 10**9
_COPY_PART_BYTES: Final = 512 << 20
_log = logging.getLogger("voxport.media")


class S3Upload:
    """An object that is written piece by piece: buffered, and sent in parts once it is larger than one."""

    def __init__(self, bucket: Bucket, key: str, *, is_new: bool = True, part_bytes: int = _STREAM_PART_BYTES) -> None:
        self._bucket = bucket
        self._key = key
        self._is_new = is_new
        self._part_bytes = part_bytes
        self._write_id = new_write_id()
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._etags: list[str] = []

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if len(self._buffer) == self._part_bytes:
                self._send_part()
            taken = view[: self._part_bytes - len(self._buffer)]
            self._buffer += taken
            view = view[len(taken) :]

    def commit(self) -> None:
        try:
            if self._upload_id is None:
                self._bucket.put(self._key, self._buffer, write_id=self._write_id, is_new=self._is_new)
                return
            self._send_part()
            self._bucket.complete_multipart(
                self._key, self._upload_id, self._etags, write_id=self._write_id, is_new=self._is_new
            )
            self._upload_id = None
        except FileExistsError:
            raise KeyExists from None

    def _send_part(self) -> None:
        if self._upload_id is None:
            self._upload_id = self._bucket.begin_multipart(self._key, write_id=self._write_id)
        # The buffer itself is sent, not a copy: many streams may be written at once.
        part, self._buffer = self._buffer, bytearray()
        self._etags.append(self._bucket.put_part(self._key, self._upload_id, len(self._etags) + 1, part))

    def __enter__(self) -> S3Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._upload_id is not None:
            try:
                self._bucket.abort_multipart(self._key, self._upload_id)
            except OSError:
                _log.warning("a multipart upload is discarded later", exc_info=True)


def put_file(bucket: Bucket, key: str, path: Path) -> None:
    """Writes a file under a key, in place of an existing object."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _SINGLE_PUT_BYTES:
            bucket.put(key, file, write_id=new_write_id())
            return
        part_bytes = max(_FILE_PART_BYTES, -(-size // _MAX_PARTS))
        with S3Upload(bucket, key, is_new=False, part_bytes=part_bytes) as upload:
            while chunk := file.read(part_bytes):
                upload.write(chunk)
            upload.commit()


def copy_object(
    bucket: Bucket,
    source: str,
    target: str,
    *,
    max_copy_bytes: int = _MAX_COPY_BYTES,
    part_bytes: int = _COPY_PART_BYTES,
) -> None:
    """Copies an object inside the service, a large one in parts. Raises FileNotFoundError."""
    found = bucket.head(source)
    if found is None:
        raise FileNotFoundError(source)
    write_id = new_write_id()
    if found.size <= max_copy_bytes:
        bucket.copy(source, target, write_id=write_id)
        return
    upload_id = bucket.begin_multipart(target, write_id=write_id)
    try:
        etags = [
            bucket.copy_part(source, target, upload_id, number, first, last)
            for number, (first, last) in enumerate(part_ranges(found.size, part_bytes), 1)
        ]
        bucket.complete_multipart(target, upload_id, etags, write_id=write_id)
    except BaseException:
        with contextlib.suppress(OSError):
            bucket.abort_multipart(target, upload_id)
        raise
    copied = bucket.head(target)
    if copied is None or copied.size != found.size:
        raise StorageUnavailable(f"S3 upload_part_copy: the copy of {found.size} bytes is not whole")


def part_ranges(size: int, part_bytes: int) -> list[tuple[int, int]]:
    """Returns the first and last byte of each part, at most 10,000 of nearly equal size."""
    part_bytes = max(part_bytes, -(-size // _MAX_PARTS))
    return [(first, min(first + part_bytes, size) - 1) for first in range(0, size, part_bytes)]


def new_write_id() -> str:
    return secrets.token_hex(8)
