"""Interfaces of the object storage, which stores files under keys."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")
_MAX_PARTS = 16


class KeyExists(Exception):
    """A file already exists under the key."""


class StorageError(Exception):
    """The configured storage is unusable. The message is a sentence for the operator."""


class StorageUnavailable(OSError):
    """The storage does not answer, or refuses. An OSError, as a full or failing disk raises it. The message is for the
    operator."""

    def __init__(self, message: str) -> None:
        super().__init__(errno.EIO, message)


@dataclass(frozen=True)
class FileInfo:
    """A stored file: size in bytes and time of the last write. Only storage that clients write to directly knows
    `content_type` (as the client sent it) and `is_from_client`; a listing knows neither."""

    key: str
    size: int
    modified: datetime
    content_type: str | None = None
    is_from_client: bool = False


class Upload(Protocol):
    """A file that is being written. Leaving its `with` block without `commit` discards it."""

    def write(self, data: bytes) -> None: ...

    def commit(self) -> None:
        """Makes the file visible. Raises KeyExists, and keeps the existing file, if another one was committed first."""

    def __enter__(self) -> Upload: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Storage(Protocol):
    """Files under keys: up to 16 parts of letters, digits, `.`, `_` and `-`, joined by `/`. Methods raise ValueError
    for another key, and OSError (StorageUnavailable) if the storage fails."""

    @property
    def takes_direct_uploads(self) -> bool:
        """Whether clients may have written files by `presign_put`, which the gateway has yet to look at."""

    def create(self, key: str) -> Upload:
        """Starts writing a file under an unused key."""

    def put(self, key: str, data: bytes) -> None:
        """Writes a whole file and replaces an existing one."""

    def writable_path(self, key: str) -> contextlib.AbstractContextManager[Path]:
        """Yields a local path to write a file to. If the block ends without an error, the file is stored under its key
        and replaces an existing one; otherwise nothing changes."""

    def size(self, key: str) -> int | None:
        """Returns the size of the file in bytes, or None if it does not exist."""

    def stat(self, key: str) -> FileInfo | None:
        """Returns what is known of the file, or None if it does not exist."""

    def read(self, key: str) -> bytes:
        """Reads the whole file. Raises FileNotFoundError."""

    def open(self, key: str) -> BinaryIO:
        """Opens the file for reading. Inside `hold_deletions`, also finds files deleted during the block. Raises
        FileNotFoundError."""

    def local_copy(self, key: str) -> contextlib.AbstractContextManager[Path]:
        """Yields a local path to read the file from. Raises FileNotFoundError."""

    def local_path(self, key: str) -> Path | None:
        """Returns the path of the file if it is on this machine; None otherwise, also if it does not exist."""

    def delete(self, key: str) -> None:
        """Removes the file if it exists."""

    def list(self, folder: str = "") -> Iterator[str]:
        """Returns the sorted keys of the files under a folder's key, or of all files. Inside `hold_deletions`, files
        deleted during the block are included."""

    def scan(self, folder: str = "") -> Iterator[FileInfo]:
        """Returns the files under a folder's key, or all files, in no order."""

    def hold_deletions(self) -> contextlib.AbstractContextManager[None]:
        """Holds deletions for a backup: during the block, `list` and `open` find every file that existed at its start.
        Raises BackupRunning."""

    def sweep_abandoned(self) -> int:
        """Removes what interrupted writes and backups left behind. Returns the number of files removed for writes."""

    def presign_put(
        self, key: str, *, content_type: str, size_bytes: int | None, expires_in: int, tag: str
    ) -> str | None:
        """Returns a URL to which a client PUTs the file itself, with exactly this Content-Type and, if given, size. It
        expires after `expires_in` seconds and carries `tag`. None if the storage has no such URLs."""

    def presign_get(self, key: str, *, content_type: str, expires_in: int, tag: str) -> str | None:
        """Returns a URL from which a client reads the file itself, as an attachment of this type. None if the storage
        has no such URL of the file."""

    def check(self) -> None:
        """Raises OSError if storage is not writable."""


TAG_PARAMETER = "x-voxport"
"""The query parameter of a presigned URL with the gateway's tag. Services of S3 ignore parameters that begin with
`x-`, and sign them."""


def key_parts(key: str) -> list[str]:
    """Returns the parts of a key. Raises ValueError for a key that could name something outside the storage."""
    parts = key.split("/")
    if len(parts) > _MAX_PARTS or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError("not a storage key")
    return parts


def file_name(key: str) -> str:
    """The last part of a key, which is the file's name for clients."""
    return key.rsplit("/", 1)[-1]
