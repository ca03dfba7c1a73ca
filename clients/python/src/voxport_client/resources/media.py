"""`client.media`: uploads and files."""

from __future__ import annotations

import asyncio
from pathlib import Path

from voxport_client.models.media import DeletedFile, MediaFile, MediaFileLink, UploadTarget
from voxport_client.models.names import MediaKind, MediaType
from voxport_client.paging import DEFAULT_LIMIT, AsyncPaginator, Paginator, page_calls
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, parse_data, path, sent
from voxport_client.transport.downloads import FileSink, MemorySink
from voxport_client.transport.sync_transport import Transport
from voxport_client.transport.uploads import AudioSource, UploadProgress, is_url, upload_source


def _target(media_type: str, filename: str, content_type: str, size_bytes: int | None) -> Call[UploadTarget]:
    body = sent(media_type=media_type, filename=filename, content_type=content_type, size_bytes=size_bytes)
    return Call("POST", "/v1/proxy/upload-media", parse_data(UploadTarget), body=body)


def _get(key: str) -> Call[MediaFileLink]:
    return Call("GET", path("/v1/media/{key}", key=key), parse_data(MediaFileLink))


def _delete(key: str) -> Call[DeletedFile]:
    return Call("DELETE", path("/v1/media/{key}", key=key), parse_data(DeletedFile))


class Media:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(
        self,
        source: AudioSource,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        media_type: MediaType | None = None,
        on_progress: UploadProgress | None = None,
    ) -> UploadTarget:
        """Upload a recording, a video or a document: a path, bytes or an open binary file, read in chunks. Its
        `public_url` is what a clone takes, or a script. The types follow from the file's name unless `content_type` and
        `media_type` say them. `on_progress` gets the bytes that were sent and all bytes; a retry begins again. The file
        goes to a signed URL, without your key."""
        with upload_source(source, filename=filename, content_type=content_type, media_type=media_type) as found:
            target = self.upload_target(
                media_type=found.media_type,
                filename=found.filename,
                content_type=found.content_type,
                size_bytes=found.size,
            )
            self._transport.upload(target, found, on_progress)
            return target

    def upload_target(
        self, *, media_type: MediaType, filename: str, content_type: str, size_bytes: int | None = None
    ) -> UploadTarget:
        """A signed URL to PUT a file to, for an uploader of your own such as a browser."""
        return self._transport.send(_target(media_type, filename, content_type, size_bytes))

    def list(
        self, *, kind: MediaKind | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> Paginator[MediaFile]:
        """Your files, newest first. `limit` is the size of a page."""
        return Paginator(self._transport, page_calls("/v1/media", MediaFile, limit=limit, query={"kind": kind}), cursor)

    def get(self, key: str) -> MediaFileLink:
        """A file with a fresh URL."""
        return self._transport.send(_get(key))

    def delete(self, key: str) -> DeletedFile:
        return self._transport.send(_delete(key))

    def read(self, key: str) -> bytes:
        """Download a file."""
        return self.read_url(self.get(key).url)

    def save(self, key: str, path: str | Path) -> Path:
        """Download a file to `path`, where it appears when it is complete."""
        return self.save_url(self.get(key).url, path)

    def read_url(self, url: str) -> bytes:
        """Download what is behind a signed URL. Raises PermissionDeniedError when it has expired."""
        sink = MemorySink()
        self._transport.download(url, sink)
        return sink.value()

    def save_url(self, url: str, path: str | Path) -> Path:
        """Download what is behind a signed URL to `path`, where it appears when it is complete."""
        with FileSink(path) as sink:
            self._transport.download(url, sink)
        return sink.path

    def url_of(
        self, source: AudioSource, *, media_type: MediaType | None = None, on_progress: UploadProgress | None = None
    ) -> str:
        """Return an `http(s)` URL as it is, and the URL of anything else after uploading it."""
        if is_url(source):
            return str(source)
        return self.upload(source, media_type=media_type, on_progress=on_progress).public_url


class AsyncMedia:
    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def upload(
        self,
        source: AudioSource,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        media_type: MediaType | None = None,
        on_progress: UploadProgress | None = None,
    ) -> UploadTarget:
        """Upload a recording, a video or a document: a path, bytes or an open binary file, read in chunks. Its
        `public_url` is what a clone takes, or a script. The types follow from the file's name unless `content_type` and
        `media_type` say them. `on_progress` gets the bytes that were sent and all bytes; a retry begins again. The file
        goes to a signed URL, without your key."""
        describing = upload_source(source, filename=filename, content_type=content_type, media_type=media_type)
        found = await asyncio.to_thread(describing.__enter__)
        try:
            target = await self.upload_target(
                media_type=found.media_type,
                filename=found.filename,
                content_type=found.content_type,
                size_bytes=found.size,
            )
            await self._transport.upload(target, found, on_progress)
            return target
        finally:
            describing.__exit__(None, None, None)

    async def upload_target(
        self, *, media_type: MediaType, filename: str, content_type: str, size_bytes: int | None = None
    ) -> UploadTarget:
        """A signed URL to PUT a file to, for an uploader of your own such as a browser."""
        return await self._transport.send(_target(media_type, filename, content_type, size_bytes))

    def list(
        self, *, kind: MediaKind | None = None, limit: int = DEFAULT_LIMIT, cursor: str | None = None
    ) -> AsyncPaginator[MediaFile]:
        """Your files, newest first. `limit` is the size of a page."""
        return AsyncPaginator(
            self._transport, page_calls("/v1/media", MediaFile, limit=limit, query={"kind": kind}), cursor
        )

    async def get(self, key: str) -> MediaFileLink:
        """A file with a fresh URL."""
        return await self._transport.send(_get(key))

    async def delete(self, key: str) -> DeletedFile:
        return await self._transport.send(_delete(key))

    async def read(self, key: str) -> bytes:
        """Download a file."""
        return await self.read_url((await self.get(key)).url)

    async def save(self, key: str, path: str | Path) -> Path:
        """Download a file to `path`, where it appears when it is complete."""
        return await self.save_url((await self.get(key)).url, path)

    async def read_url(self, url: str) -> bytes:
        """Download what is behind a signed URL. Raises PermissionDeniedError when it has expired."""
        sink = MemorySink()
        await self._transport.download(url, sink)
        return sink.value()

    async def save_url(self, url: str, path: str | Path) -> Path:
        """Download what is behind a signed URL to `path`, where it appears when it is complete."""
        with FileSink(path) as sink:
            await self._transport.download(url, sink)
        return sink.path

    async def url_of(
        self, source: AudioSource, *, media_type: MediaType | None = None, on_progress: UploadProgress | None = None
    ) -> str:
        """Return an `http(s)` URL as it is, and the URL of anything else after uploading it."""
        if is_url(source):
            return str(source)
        return (await self.upload(source, media_type=media_type, on_progress=on_progress)).public_url
