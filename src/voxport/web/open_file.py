"""Sends the body of a response from an open file in chunks, so that it is never in memory as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import BinaryIO

from anyio import to_thread
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_CHUNK_BYTES = 64 * 1024


class OpenFileResponse(Response):
    """Sends the file from its beginning, with its length, and closes it."""

    def __init__(self, file: BinaryIO, status: int = 200, *, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.background = None
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.init_headers({**headers, "Content-Length": str(self._size)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            position = 0
            while position < self._size:
                chunk = await to_thread.run_sync(os.pread, self._file.fileno(), _CHUNK_BYTES, position)
                if not chunk:
                    raise OSError("the file of an answer has become shorter")
                position += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._file.close()
