"""What is uploaded: a file on disk, an open file, or bytes. It is read in chunks, and again for each retry."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from voxport_client.models.names import MediaType

AudioSource = str | os.PathLike[str] | bytes | bytearray | BinaryIO
"""A path, bytes, or an open binary file. Where a call takes a recording, also an `http(s)` URL."""
UploadProgress = Callable[[int, int], None]
"""Gets the bytes that were sent so far, and all bytes."""

CHUNK_BYTES = 256 * 1024
_ANY_TYPE = "application/octet-stream"
_AUDIO = {
    **{".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg", ".opus": "audio/ogg"},
    **{".m4a": "audio/mp4", ".aac": "audio/aac", ".aiff": "audio/aiff", ".aif": "audio/aiff", ".caf": "audio/x-caf"},
    **{".m4b": "audio/mp4", ".amr": "audio/amr", ".weba": "audio/webm", ".mka": "audio/x-matroska"},
}
_VIDEO = {
    **{".webm": "video/webm", ".mp4": "video/mp4", ".m4v": "video/x-m4v", ".ogv": "video/ogg", ".3gp": "video/3gpp"},
    **{".mov": "video/quicktime", ".mkv": "video/x-matroska"},
}
_DOCUMENTS = {
    **{".epub": "application/epub+zip", ".txt": "text/plain", ".md": "text/markdown", ".markdown": "text/markdown"},
    **{".csv": "text/csv", ".jsonl": "application/jsonl", ".ndjson": "application/x-ndjson"},
    **{".json": "application/json", ".fountain": "text/plain"},
}


@dataclass(frozen=True)
class UploadSource:
    """`size` is in bytes. `opener` opens the bytes at their beginning."""

    filename: str
    content_type: str
    media_type: MediaType
    size: int
    opener: Callable[[], contextlib.AbstractContextManager[BinaryIO]]

    def chunks(self, on_progress: UploadProgress | None = None) -> Iterator[bytes]:
        """Yield the bytes. `on_progress` is called before the first chunk and after each was taken. Raises OSError."""
        done = 0
        with self.opener() as file:
            while True:
                if on_progress is not None:
                    on_progress(done, self.size)
                # A file that grows meanwhile is sent with the size that was announced.
                chunk = file.read(min(CHUNK_BYTES, self.size - done))
                if self.is_end(chunk, done):
                    return
                yield chunk
                done += len(chunk)

    def is_end(self, chunk: bytes, done: int) -> bool:
        """Whether an empty chunk is the end. Raises OSError if the file has become shorter than was announced."""
        if not chunk and done < self.size:
            raise OSError(f"{self.filename} has become shorter while it was sent.")
        return not chunk


def is_url(source: AudioSource) -> bool:
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


@contextlib.contextmanager
def upload_source(
    source: AudioSource,
    *,
    filename: str | None = None,
    content_type: str | None = None,
    media_type: MediaType | None = None,
) -> Iterator[UploadSource]:
    """Describe what is uploaded. The name decides the types that are not given. Copies a file that can't be read twice
    to a temporary one. Raises OSError, TypeError."""
    types = (content_type, media_type)
    if isinstance(source, bytes | bytearray):
        content = bytes(source)
        yield _describe(filename or "recording", types, len(content), lambda: io.BytesIO(content))
    elif isinstance(source, str | os.PathLike):
        file_path = Path(source)
        size = file_path.stat().st_size
        yield _describe(filename or file_path.name, types, size, lambda: file_path.open("rb"))
    else:
        named = filename or Path(str(getattr(source, "name", "recording"))).name
        with _seekable(source) as file:
            begin = file.tell()
            size = file.seek(0, os.SEEK_END) - begin
            yield _describe(named, types, size, lambda: _opened_at(file, begin))


def _describe(
    filename: str,
    types: tuple[str | None, MediaType | None],
    size: int,
    opener: Callable[[], contextlib.AbstractContextManager[BinaryIO]],
) -> UploadSource:
    content_type, media_type = types
    suffix = Path(filename).suffix.lower()
    if media_type == "document":
        return UploadSource(filename, content_type or _DOCUMENTS.get(suffix, _ANY_TYPE), media_type, size, opener)
    kind = content_type or _VIDEO.get(suffix) or _AUDIO.get(suffix) or _DOCUMENTS.get(suffix, _ANY_TYPE)
    return UploadSource(filename, kind, media_type or _media_type(kind), size, opener)


def _media_type(content_type: str) -> MediaType:
    kind = content_type.lower().split(";")[0].strip()
    if kind in _DOCUMENTS.values():
        return "document"
    return "video" if kind.startswith("video/") else "audio"


@contextlib.contextmanager
def _seekable(source: BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, io.TextIOBase) or not hasattr(source, "read"):
        raise TypeError("Give a path, bytes or a file that is open in binary mode.")
    if getattr(source, "seekable", lambda: False)():
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(source, copy, CHUNK_BYTES)
        copy.seek(0)
        yield copy


@contextlib.contextmanager
def _opened_at(file: BinaryIO, begin: int) -> Iterator[BinaryIO]:
    file.seek(begin)
    yield file
