"""Implements storage in a bucket of an S3-compatible service, which clients read and write by presigned URLs."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from voxport.storage.base import TAG_PARAMETER, FileInfo, Upload, file_name, key_parts
from voxport.storage.config import S3Options
from voxport.storage.s3.bucket import Bucket
from voxport.storage.s3.deletion_hold import DeletionHold
from voxport.storage.s3.writing import S3Upload, copy_object, new_write_id, put_file
from voxport.storage.workdirs import work_dir

_ABANDONED_AGE: Final = timedelta(days=2)
_SWEEP_SECONDS: Final = 3600.0
"""Between two sweeps of one process, which list the unfinished uploads."""
_WRITE_CHECK_SECONDS: Final = 60.0
_log = logging.getLogger("voxport.media")


class S3Storage:
    """Stores files in a bucket, under a prefix that is empty or ends with `/`."""

    takes_direct_uploads = True

    def __init__(self, bucket: str, prefix: str, options: S3Options) -> None:
        self._bucket = Bucket(bucket, options)
        self._prefix = prefix
        self._deferred = f"{prefix}.kept/"
        self._hold = DeletionHold(self._bucket, prefix)
        self._swept_at = -_SWEEP_SECONDS
        self._write_checked_at = -_WRITE_CHECK_SECONDS

    def create(self, key: str) -> Upload:
        return S3Upload(self._bucket, self._full(key))

    def put(self, key: str, data: bytes) -> None:
        self._bucket.put(self._full(key), data, write_id=new_write_id())

    @contextlib.contextmanager
    def writable_path(self, key: str) -> Iterator[Path]:
        full = self._full(key)
        with work_dir() as folder:
            yield folder / "file"
            put_file(self._bucket, full, folder / "file")

    def size(self, key: str) -> int | None:
        found = self._bucket.head(self._full(key))
        return None if found is None else found.size

    def stat(self, key: str) -> FileInfo | None:
        found = self._bucket.head(self._full(key))
        return None if found is None else self._relative(found)

    def read(self, key: str) -> bytes:
        with self._bucket.open(self._full(key)) as file:
            return file.read()

    def open(self, key: str) -> BinaryIO:
        try:
            return self._bucket.open(self._full(key))
        except FileNotFoundError:
            return self._bucket.open(self._deferred + key)

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        with self._bucket.open(self._full(key)) as source, work_dir() as folder:
            with (folder / "file").open("wb") as target:
                shutil.copyfileobj(source, target)
            yield folder / "file"

    def local_path(self, key: str) -> Path | None:
        return None

    def delete(self, key: str) -> None:
        full = self._full(key)
        if self._hold.is_held():
            with contextlib.suppress(FileNotFoundError):
                copy_object(self._bucket, full, self._deferred + key)
        self._bucket.delete(full)

    def list(self, folder: str = "") -> Iterator[str]:
        roots = (self._prefix, self._deferred)
        found = {one.key.removeprefix(root) for root in roots for one in self._bucket.scan(root + _inside(folder))}
        return iter(sorted(key for key in found if not key.startswith(".")))

    def scan(self, folder: str = "") -> Iterator[FileInfo]:
        found = (self._relative(one) for one in self._bucket.scan(self._prefix + _inside(folder)))
        return (one for one in found if not one.key.startswith("."))

    def hold_deletions(self) -> contextlib.AbstractContextManager[None]:
        return self._held()

    def sweep_abandoned(self) -> int:
        if time.monotonic() - self._swept_at < _SWEEP_SECONDS:
            return 0
        self._swept_at = time.monotonic()
        if not self._hold.is_held():
            self._discard_deferred()
        swept = 0
        for key, upload_id, begun in self._bucket.multiparts(self._prefix):
            if datetime.now(UTC) - begun > _ABANDONED_AGE:
                self._bucket.abort_multipart(key, upload_id)
                swept += 1
        return swept

    def presign_put(
        self, key: str, *, content_type: str, size_bytes: int | None, expires_in: int, tag: str
    ) -> str | None:
        headers = {"Content-Type": content_type}
        if size_bytes is not None:
            headers["Content-Length"] = str(size_bytes)
        query = {TAG_PARAMETER: tag}
        return self._bucket.presigner.url("PUT", self._full(key), expires_in=expires_in, headers=headers, query=query)

    def presign_get(self, key: str, *, content_type: str, expires_in: int, tag: str) -> str | None:
        query = {
            "response-content-type": content_type,
            "response-content-disposition": f'attachment; filename="{file_name(key)}"',
            TAG_PARAMETER: tag,
        }
        return self._bucket.presigner.url("GET", self._full(key), expires_in=expires_in, headers={}, query=query)

    def check(self) -> None:
        """Looks for an object, and once a minute writes it: a write costs ten times as much."""
        key = f"{self._prefix}.voxport/ready"
        if time.monotonic() - self._write_checked_at >= _WRITE_CHECK_SECONDS or self._bucket.head(key) is None:
            self._bucket.put(key, b"ready", write_id=new_write_id())
            self._write_checked_at = time.monotonic()

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        with self._hold.hold():
            try:
                yield
            finally:
                self._discard_deferred()

    def _discard_deferred(self) -> None:
        """Removes what was put aside during a backup. What can't be removed now is swept later."""
        try:
            for one in list(self._bucket.scan(self._deferred)):
                self._bucket.delete(one.key)
        except OSError:
            _log.exception("what a backup put aside can't be removed")

    def _full(self, key: str) -> str:
        key_parts(key)
        return self._prefix + key

    def _relative(self, one: FileInfo) -> FileInfo:
        return FileInfo(
            one.key.removeprefix(self._prefix), one.size, one.modified, one.content_type, one.is_from_client
        )


def _inside(folder: str) -> str:
    return f"{folder}/" if folder else ""
