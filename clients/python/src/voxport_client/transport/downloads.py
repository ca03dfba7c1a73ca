"""Where audio is written: a file that appears when it is complete, or memory."""

from __future__ import annotations

import io
import secrets
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self


class FileSink:
    """Writes beside `path`, and moves the file there when the block ends without an error."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._part = self.path.with_name(f".{self.path.name[:200]}.{secrets.token_hex(4)}.part")
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._file = self._part.open("xb")
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
        self._file.close()
        if kind is None:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)


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
