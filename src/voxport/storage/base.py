"""Object storage: files under keys."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Protocol


class KeyExists(Exception):
    """There is a file under the key already."""


class Upload(Protocol):
    """A file that is being written. Leaving its `with` block without `commit` drops it."""

    def write(self, data: bytes) -> None: ...

    def commit(self) -> None:
        """Make the file visible. Raises KeyExists where another one was first; that one stays."""

    def __enter__(self) -> Upload: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Storage(Protocol):
    def create(self, key: str) -> Upload:
        """Begin a file under a key that is free."""

    def put(self, key: str, data: bytes) -> None:
        """Write a whole file, in place of one that may be there."""

    def writable_path(self, key: str) -> contextlib.AbstractContextManager[Path]:
        """A path on this machine to write a file to. When the block ends without an error the file is under its key,
        in place of one that may be there; else nothing has changed."""

    def size(self, key: str) -> int | None:
        """Bytes of the file, or None where there is none."""

    def read(self, key: str) -> bytes:
        """The whole file. Raises FileNotFoundError."""

    def local_copy(self, key: str) -> contextlib.AbstractContextManager[Path]:
        """A path on this machine to read the file from. Raises FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Remove the file, if it is there."""

    def check(self) -> None:
        """Raises OSError where storage can't be written."""
