"""Implements storage in a local folder.

Writes are atomic: a file is written under a temporary name, synced, and then linked or renamed to its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from voxport.storage.base import KeyExists, Upload
from voxport.storage.deletion_lock import DeletionLock
from voxport.storage.workdirs import is_abandoned, mark_in_use

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_ABANDONED_SECONDS = 2 * 86_400
_log = logging.getLogger("voxport.media")


class LocalStorage:
    """Stores files in a local folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / ".incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._deletion_lock = DeletionLock(root)

    def create(self, key: str) -> Upload:
        return _LocalUpload(self.path(key), self._temporary_path())

    def put(self, key: str, data: bytes) -> None:
        path = self.path(key)
        with _LocalUpload(path, self._temporary_path()) as upload:
            upload.write(data)
            upload.commit(replace=True)

    @contextlib.contextmanager
    def writable_path(self, key: str) -> Iterator[Path]:
        with _LocalUpload(self.path(key), self._temporary_path()) as upload:
            yield upload.temporary
            upload.commit(replace=True)

    def size(self, key: str) -> int | None:
        try:
            return self.path(key).stat().st_size
        except FileNotFoundError:
            return None

    def read(self, key: str) -> bytes:
        return self.path(key).read_bytes()

    @contextlib.contextmanager
    def local_copy(self, key: str) -> Iterator[Path]:
        path = self.path(key)
        if not path.is_file():
            raise FileNotFoundError(key)
        yield path

    def delete(self, key: str) -> None:
        path = self.path(key)
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
        """Holds deletions for a backup: during the block, `list` and `open` find every file that existed at its start.
        Raises BackupRunning."""
        return self._deletion_lock.hold_deletions()

    def list(self, folder: str = "") -> Iterator[str]:
        """Returns the keys of the files under a folder's key, or of all files. Inside `hold_deletions`, files deleted
        during the block are included."""
        found = set()
        for root in (self._root, self._deletion_lock.deferred):
            for path in (root / folder).rglob("*"):
                key = path.relative_to(root).as_posix()
                if not key.startswith(".") and path.is_file():
                    found.add(key)
        return iter(sorted(found))

    def open(self, key: str) -> BinaryIO:
        """Opens the file for reading. Raises FileNotFoundError."""
        try:
            return self.path(key).open("rb")
        except FileNotFoundError:
            return (self._deletion_lock.deferred / key).open("rb")

    def _try_delete(self, key: str) -> bool:
        """Removes the file, or moves it aside during a backup. Returns False if it still exists."""
        path, target = self.path(key), self._deletion_lock.deferred / key
        with self._deletion_lock.deletion() as is_deferred:
            if not is_deferred:
                path.unlink(missing_ok=True)
            elif path.exists():
                with contextlib.suppress(FileNotFoundError):
                    _make_folder(target.parent)
                    path.replace(target)
            return not path.exists()

    def path(self, key: str) -> Path:
        """Returns the path of a key's file. Raises ValueError for a key that could escape the folder."""
        parts = key.split("/")
        if len(parts) > 16 or not all(_PART.fullmatch(part) for part in parts):
            raise ValueError("not a storage key")
        return self._root.joinpath(*parts)

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


class StorageError(Exception):
    """The configured storage is unusable. The message is a sentence for the operator."""


def open_storage(url: str) -> LocalStorage:
    """Opens the storage of a `file:///folder` URL. Raises StorageError."""
    parts = urlsplit(url)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise StorageError(f"VOXPORT_STORAGE_URL is {url!r}: give file:///an/absolute/folder")
    return LocalStorage(Path(unquote(parts.path)))


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
