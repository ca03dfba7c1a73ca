"""Interfaces of the object storage, which stores files under keys."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Protocol


class KeyExists(Exception):
    """A file already exists under the key."""


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
    def create(self, key: str) -> Upload:
        """Starts writing a file under an unused key."""

    def put(self, key: str, data: bytes) -> None:
        """Writes a whole file and replaces an existing one."""

    def writable_path(self, key: str) -> contextlib.AbstractContextManager[Path]:
        """Yields a local path to write a file to. If the block ends without an error, the file is stored under its key
        and replaces an existing one; otherwise nothing changes."""

    def size(self, key: str) -> int | None:
        """Returns the size of the file in bytes, or None if it does not exist."""

    def read(self, key: str) -> bytes:
        """Reads the whole file. Raises FileNotFoundError."""

    def local_copy(self, key: str) -> contextlib.AbstractContextManager[Path]:
        """Yields a local path to read the file from. Raises FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Removes the file if it exists."""

    def check(self) -> None:
        """Raises OSError if storage is not writable."""
