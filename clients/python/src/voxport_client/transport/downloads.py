"""Where audio is written: a file that appears when it is complete, or memory."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast


class FileSink:
    """Writes beside `path`, and moves the file there when the block ends without an error. A pipe or a device gets the
    bytes then; a link stays, and what it leads to is replaced."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._target = Path(os.path.realpath(self.path)) if self.path.is_symlink() else self.path
        self._is_replaced = self.path.is_file() or not self.path.exists()
        self._part = self._target.with_name(f".{self._target.name[:200]}.{secrets.token_hex(4)}.part")
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = cast(BinaryIO, self._part.open("xb") if self._is_replaced else tempfile.TemporaryFile())
        return self

    def write(self, chunk: bytes) -> None:
        assert self._file is not None
        self._file.write(chunk)

    def clear(self) -> None:
        """Forget what was written, for another try."""
        assert self._file is not None
        self._file.seek(0)
        self._file.truncate()

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        assert self._file is not None
        with self._file:
            if not self._is_replaced:
                if kind is None:
                    self._file.seek(0)
                    with self.path.open("wb") as target:
                        shutil.copyfileobj(self._file, target)
                return
        if kind is not None:
            self._part.unlink(missing_ok=True)
            return
        with contextlib.suppress(OSError):  # there was none before
            shutil.copymode(self._target, self._part)
        self._part.replace(self._target)


class MemorySink:
    def __init__(self) -> None:
        self._buffer = io.BytesIO()

    def write(self, chunk: bytes) -> None:
        self._buffer.write(chunk)

    def clear(self) -> None:
        self._buffer = io.BytesIO()

    def value(self) -> bytes:
        return self._buffer.getvalue()


Sink = FileSink | MemorySink
