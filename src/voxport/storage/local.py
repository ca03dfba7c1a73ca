"""Implements storage in a local folder.

Writes are atomic: a file is written under a temporary name, synced, and then linked or renamed to its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from voxport.storage.base import FileInfo, KeyExists, Upload, key_parts
from voxport.storage.deletion_lock import DeletionLock
from voxport.storage.workdirs import is_abandoned, mark_in_use

_ABANDONED_SECONDS = 2 * 86_400
_log = logging.getLogger("voxport.media")


class LocalStorage:
    """Stores files in a local folder."""

    takes_direct_uploads = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / ".incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._deletion_lock = DeletionLock(root)

    def create(self, key: str) -> Upload:
        return _LocalUpload(self._path(key), self._temporary_path())

    def put(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with _LocalUpload(path, self._temporary_path()) as upload:
            upload.write(data)
            upload.commit(replace=True)

    @contextlib.contextmanager
    def writable_path(self, key: str) -> Iterator[Path]:
        with _LocalUpload(self._path(key), self._temporary_path()) as upload:
            yield upload.temporary
            upload.commit(replace=True)

    def size(self, key: str) -> int | None:
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            return None

    def stat(self, key: str) -> FileInfo | None:
        try:
            return _info(key, self._path(key).stat())
        except FileNotFoundError:
            return None

    def read(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        path = self.local_path(key)
        if path is None:
            raise FileNotFoundError(key)
        yield path

    def local_path(self, key: str) -> Path | None:
        path = self._path(key)
        return path if path.is_file() else None

    def delete(self, key: str) -> None:
        path = self._path(key)
        while not self._try_delete(key):
            pass  # a backup has just ended
        # Remove only the file's own folder, whose name is random: a shared one may be about to get another file.
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def check(self) -> None:
        with _LocalUpload(self._root / "unused", self._temporary_path()) as upload:
            upload.write(b"ready")

    def sweep_abandoned(self) -> int:
        """Removes what interrupted writes and backups left behind. Returns the number of files removed for writes."""
        try:
            self._deletion_lock.sweep()
        except OSError:
            _log.exception("what a backup put aside can't be removed")
        swept = 0
        for path in self._incoming.iterdir():
            try:
                # If the file system does not support locks, age decides.
                if is_abandoned(path) or time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                    path.unlink()
                    swept += 1
            except FileNotFoundError:
                pass
            except OSError:
                _log.exception("what an interrupted write left can't be removed", extra={"file": path.name})
        return swept

    def hold_deletions(self) -> contextlib.AbstractContextManager[None]:
        return self._deletion_lock.hold_deletions()

    def list(self, folder: str = "") -> Iterator[str]:
        found = {key for root in (self._root, self._deletion_lock.deferred) for key, _ in _files(root, folder)}
        return iter(sorted(found))

    def scan(self, folder: str = "") -> Iterator[FileInfo]:
        for key, path in _files(self._root, folder):
            with contextlib.suppress(FileNotFoundError):
                yield _info(key, path.stat())

    def presign_put(
        self, key: str, *, content_type: str, size_bytes: int | None, expires_in: int, tag: str
    ) -> str | None:
        return None

    def presign_get(self, key: str, *, content_type: str, expires_in: int, tag: str) -> str | None:
        return None

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except FileNotFoundError:
            return (self._deletion_lock.deferred / key).open("rb")

    def _try_delete(self, key: str) -> bool:
        """Removes the file, or moves it aside during a backup. Returns False if it still exists."""
        path, target = self._path(key), self._deletion_lock.deferred / key
        with self._deletion_lock.deletion() as is_deferred:
            if not is_deferred:
                path.unlink(missing_ok=True)
            elif path.exists():
                with contextlib.suppress(FileNotFoundError):
                    _make_folder(target.parent)
                    path.replace(target)
            return not path.exists()

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*key_parts(key))

    def _temporary_path(self) -> Path:
        return self._incoming / secrets.token_hex(16)


class _LocalUpload:
    def __init__(self, path: Path, temporary: Path) -> None:
        self._path = path
        self.temporary = temporary
        self._file = temporary.open("xb")
        mark_in_use(self._file.fileno())

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def commit(self, *, replace: bool = False) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        _make_folder(self._path.parent)
        try:
            self._publish(replace)
        except FileNotFoundError:
            # A concurrent deletion removed the folder.
            _make_folder(self._path.parent)
            self._publish(replace)
        _sync_folder(self._path.parent)

    def _publish(self, replace: bool) -> None:
        if replace:
            self.temporary.replace(self._path)
            return
        try:
            os.link(self.temporary, self._path)
        except FileExistsError:
            raise KeyExists from None

    def __enter__(self) -> _LocalUpload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        finally:
            self.temporary.unlink(missing_ok=True)


def _files(root: Path, folder: str) -> Iterator[tuple[str, Path]]:
    """Yields the keys and paths of the files below a folder, without those in hidden folders."""
    for path in (root / folder).rglob("*"):
        key = path.relative_to(root).as_posix()
        if not key.startswith(".") and path.is_file():
            yield key, path


def _info(key: str, status: os.stat_result) -> FileInfo:
    return FileInfo(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _make_folder(folder: Path) -> None:
    """Creates the folder and its parents durably, so that they survive a power cut."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Syncs the folder. Without this, a new name in it may not survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
