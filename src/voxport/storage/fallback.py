"""Two storages in one, while files are moved from the one to the other (`voxport admin storage move`).

Files are written to the first and read from the first that has them. A deletion removes a file from the second, which
the move copies from, before the first: so a copy that finds its source gone after it wrote removes what it wrote.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit, urlunsplit

from voxport.storage.base import FileInfo, KeyExists, Storage, StorageError, Upload
from voxport.storage.config import StorageConfig, open_one

PAIR_KEY: Final = "storage-move/pair"
"""The file that marks the storage that is moved to: it was empty when the move began."""


class FallbackStorage:
    def __init__(self, primary: Storage, fallback: Storage) -> None:
        self._primary = primary
        self._fallback = fallback

    @property
    def takes_direct_uploads(self) -> bool:
        return self._primary.takes_direct_uploads or self._fallback.takes_direct_uploads

    def create(self, key: str) -> Upload:
        if self._fallback.size(key) is not None:
            raise KeyExists
        return self._primary.create(key)

    def put(self, key: str, data: bytes) -> None:
        self._primary.put(key, data)

    def writable_path(self, key: str) -> contextlib.AbstractContextManager[Path]:
        return self._primary.writable_path(key)

    def size(self, key: str) -> int | None:
        size = self._primary.size(key)
        return self._fallback.size(key) if size is None else size

    def stat(self, key: str) -> FileInfo | None:
        return self._primary.stat(key) or self._fallback.stat(key)

    def read(self, key: str) -> bytes:
        try:
            return self._primary.read(key)
        except FileNotFoundError:
            return self._fallback.read(key)

    def open(self, key: str) -> BinaryIO:
        try:
            return self._primary.open(key)
        except FileNotFoundError:
            return self._fallback.open(key)

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        with contextlib.ExitStack() as stack:
            try:
                path = stack.enter_context(self._primary.local_copy(key))
            except FileNotFoundError:
                path = stack.enter_context(self._fallback.local_copy(key))
            yield path

    def local_path(self, key: str) -> Path | None:
        path = self._primary.local_path(key)
        if path is not None or self._primary.size(key) is not None:
            return path
        return self._fallback.local_path(key)

    def delete(self, key: str) -> None:
        self._fallback.delete(key)
        self._primary.delete(key)

    def list(self, folder: str = "") -> Iterator[str]:
        return iter(sorted({*self._primary.list(folder), *self._fallback.list(folder)} - {PAIR_KEY}))

    def scan(self, folder: str = "") -> Iterator[FileInfo]:
        found = {one.key: one for storage in (self._fallback, self._primary) for one in storage.scan(folder)}
        found.pop(PAIR_KEY, None)
        return iter(found.values())

    @contextlib.contextmanager
    def hold_deletions(self) -> Iterator[None]:
        with self._fallback.hold_deletions(), self._primary.hold_deletions():
            yield

    def sweep_abandoned(self) -> int:
        return self._primary.sweep_abandoned() + self._fallback.sweep_abandoned()

    def presign_put(
        self, key: str, *, content_type: str, size_bytes: int | None, expires_in: int, tag: str
    ) -> str | None:
        return self._primary.presign_put(
            key, content_type=content_type, size_bytes=size_bytes, expires_in=expires_in, tag=tag
        )

    def presign_get(self, key: str, *, content_type: str, expires_in: int, tag: str) -> str | None:
        """Returns the URL of the storage that has the file, or the first's for a file that is still expected. A file in
        a folder has none: it is read from the gateway."""
        storages = (self._primary, self._fallback)
        owner = next((storage for storage in storages if storage.size(key) is not None), self._primary)
        return owner.presign_get(key, content_type=content_type, expires_in=expires_in, tag=tag)

    def check(self) -> None:
        self._primary.check()
        self._fallback.check()


def open_pair(config: StorageConfig) -> FallbackStorage:
    """Opens the storage that files are moved to, with the one that they come from as its fallback. Raises StorageError
    if the first holds other files."""
    assert config.fallback_url is not None
    if canonical_url(config.url) == canonical_url(config.fallback_url):
        raise StorageError("VOXPORT_STORAGE_FALLBACK_URL is the storage of VOXPORT_STORAGE_URL: give another.")
    primary = open_one(config.url, config.s3, "VOXPORT_STORAGE_URL")
    fallback = open_one(config.fallback_url, config.s3, "VOXPORT_STORAGE_FALLBACK_URL")
    mark_target(primary, config.url, fallback, config.fallback_url)
    return FallbackStorage(primary, fallback)


def mark_target(target: Storage, target_url: str, source: Storage, source_url: str) -> None:
    """Marks an empty storage as the target of a move. Raises StorageError if it has files from before that move: what
    was deleted since would be back."""
    wanted = {"source": canonical_url(source_url)}
    try:
        if json.loads(target.read(PAIR_KEY)) == wanted:
            return
    except FileNotFoundError:
        pass
    if any(one.key != PAIR_KEY for one in target.scan()):
        raise StorageError(
            f"{target_url} is not empty. Files are moved to an empty folder or prefix only: files that were left in it "
            "earlier, and deleted since, would be back."
        )
    source.delete(PAIR_KEY)  # otherwise a later move back would take the source for its own target
    target.put(PAIR_KEY, json.dumps(wanted).encode())


def canonical_url(url: str) -> str:
    """Returns the same text for all forms of a storage's URL."""
    parts = urlsplit(url)
    netloc = parts.netloc if parts.scheme == "s3" else ""
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
