"""POST /v1/proxy/upload-media, /v1/media, and the signed URLs of the embedded storage."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from voxport.accounts.authentication import AuthenticatedRoute, Caller, CustomerActor
from voxport.audio.codec.encode import FORMATS
from voxport.clock import iso
from voxport.errors import BadSignature, Conflict, Invalid, NotFound, PreconditionFailed
from voxport.media.models import Media
from voxport.media.names import parse_content_type
from voxport.media.schemas import (
    DeletedFile,
    DeletedFileBody,
    FileBody,
    FileData,
    FileList,
    FileRow,
    Kind,
    StoredBody,
    StoredData,
    UploadBody,
    UploadData,
    UploadRequest,
)
from voxport.media.service import MediaService
from voxport.media.signing import PATH, Grant, UrlSigner, signed_parameters
from voxport.media.upload_limits import already_uploaded, check_size
from voxport.storage.base import KeyExists, Storage, file_name
from voxport.web.conditional_requests import allows_range, evaluate_preconditions
from voxport.web.dependencies import Injected
from voxport.web.params import Cursor, Limit

uploads = APIRouter(tags=["media"], route_class=AuthenticatedRoute)
blobs = APIRouter(tags=["media"])

_WRITE_BYTES = 1 << 20
_MAX_CONCURRENT_PUTS = 2  # per URL: a client may retry before its broken connection is detected
_BINARY_SCHEMA = {"schema": {"type": "string", "format": "binary"}}
_FILE_CONTENT = dict.fromkeys(("audio/*", "video/*", "text/*", "application/*"), _BINARY_SCHEMA)
_BODY_HEADERS = {"content-length", "content-type", "content-disposition"}
# A browser that tries an upload needs concrete types, and sends the file as the announced one. The type of the example
# comes first, then the types that the gateway makes and can read.
_MADE = [str(kind) for each in FORMATS.values() if (kind := parse_content_type(each.content_type)) and kind.is_readable]
_DOCUMENTS = ("application/epub+zip", "text/plain", "text/markdown", "text/csv", "application/jsonl")
_UPLOAD_CONTENT = dict.fromkeys(("audio/wav", *_MADE, "video/mp4", *_DOCUMENTS), _BINARY_SCHEMA) | _FILE_CONTENT
_FILE_HEADERS = {
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # Anyone with the signed URL may play the file in their own page.
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_RANGE = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})")


KindQuery = Annotated[Kind | None, Query(description="Only files of this kind.")]
MediaDep = Injected[MediaService]
StorageDep = Injected[Storage]
SignerDep = Injected[UrlSigner]


@uploads.post("/v1/proxy/upload-media", summary="A URL to PUT a recording, a video or a script to")
def upload_media(body: UploadRequest, caller: Caller, media: MediaDep) -> UploadBody:
    target = media.prepare_upload(
        caller.profile_id,
        media_type=body.media_type,
        filename=body.filename,
        content_type=body.content_type,
        size_bytes=body.size_bytes,
    )
    return UploadBody(
        data=UploadData(
            upload_url=target.upload_url,
            object_key=target.object_key,
            expires_in=target.expires_in,
            public_url=target.public_url,
        )
    )


@uploads.get("/v1/media", summary="Your files, newest first")
def list_files(
    caller: Caller, media: MediaDep, limit: Limit = 50, cursor: Cursor = None, kind: KindQuery = None
) -> FileList:
    page = media.list(caller.profile_id, kind=kind, limit=limit, cursor=cursor)
    return FileList(data=[FileRow(**_file_fields(row)) for row in page.rows], next_cursor=page.next_cursor)


@uploads.get("/v1/media/{key:path}", summary="What a file is, and a fresh URL of it")
def get_file(key: str, caller: Caller, media: MediaDep) -> FileBody:
    row = media.get(caller.profile_id, key)
    return FileBody(
        data=FileData(**_file_fields(row), url=media.read_url(key, row.content_type), expires_in=media.url_seconds)
    )


@uploads.delete("/v1/media/{key:path}", summary="Delete a file")
def delete_file(key: str, caller: Caller, actor: CustomerActor, media: MediaDep) -> DeletedFileBody:
    media.delete(caller.profile_id, key, actor=actor)
    return DeletedFileBody(data=DeletedFile(key=key))


@blobs.put(
    PATH + "{key:path}",
    summary="Upload to a signed URL",
    openapi_extra={
        "parameters": signed_parameters("put"),
        "requestBody": {
            "required": True,
            "content": _UPLOAD_CONTENT,
            "description": "The bytes of the file. Choose the media type that was announced as `content_type`.",
        },
    },
)
async def put_blob(key: str, request: Request, signer: SignerDep, media: MediaDep, storage: StorageDep) -> StoredBody:
    grant = signer.verify("put", key, request.url.query)
    length = request.headers.get("content-length")
    announced = int(length) if length is not None and length.isascii() and length.isdigit() else None
    with _limit_concurrent_puts(request.app.state.uploading, key):
        await run_in_threadpool(media.check_upload, grant, request.headers.get("content-type"), announced)
        try:
            size = await _receive(request, grant, storage)
        except BaseException as error:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(media.abandon_upload, grant)
            if isinstance(error, ClientDisconnect):
                raise _connection_lost() from None
            if isinstance(error, KeyExists):
                raise already_uploaded() from None
            raise
        await run_in_threadpool(media.record_upload, key, size)
    return StoredBody(data=StoredData(object_key=key, size_bytes=size))


@blobs.get(
    PATH + "{key:path}",
    summary="Read from a signed URL",
    response_class=FileResponse,
    openapi_extra={"parameters": signed_parameters("get")},
    responses={
        200: {"content": _FILE_CONTENT, "description": "The file"},
        206: {"content": _FILE_CONTENT, "description": "The part of it that `Range` names"},
        307: {"description": "The file was moved since the URL was signed: to the storage's own URL of it"},
        304: {"description": "It is what `If-None-Match` or `If-Modified-Since` names; no body"},
    },
)
@blobs.head(PATH + "{key:path}", include_in_schema=False)
def get_blob(key: str, request: Request, signer: SignerDep, media: MediaDep, storage: StorageDep) -> Response:
    grant = signer.verify("get", key, request.url.query)
    found = _stat(storage, key)
    content_type = media.content_type(key)
    if content_type is None:
        raise _file_missing()
    if found is None:
        return _elsewhere(request, grant, content_type, media, storage)
    path, status = found
    response = FileResponse(
        path,
        media_type=content_type,
        filename=file_name(key),
        headers=_FILE_HEADERS,
        stat_result=status,
    )
    validators = {"etag": response.headers["etag"], "last_modified": response.headers["last-modified"]}
    precondition = evaluate_preconditions(request.headers, **validators)
    if precondition == "failed":
        raise PreconditionFailed("The file is not the one that If-Match or If-Unmodified-Since names.")
    if precondition == "not_modified":
        headers = {name: value for name, value in response.headers.items() if name not in _BODY_HEADERS}
        return Response(status_code=304, headers=headers)
    range_header = request.headers.get("range")
    if range_header is not None:
        match = _RANGE.fullmatch(range_header.strip())
        is_one = match is not None and bool(match["first"] or match["last"])
        if not is_one or not allows_range(request.headers, **validators):
            # A list of ranges, an invalid one, or one of another version: RFC 9110 allows sending the whole file.
            request.scope["headers"] = [pair for pair in request.scope["headers"] if pair[0] != b"range"]
        elif match is not None and _is_unsatisfiable(match, status.st_size):
            return _range_error(request, status.st_size)
    return response


def _file_fields(row: Media) -> dict[str, Any]:
    return {
        "key": row.key,
        "kind": row.kind,
        "content_type": row.content_type,
        "size_bytes": row.size_bytes,
        "created_at": iso(row.created_at),
    }


@contextlib.contextmanager
def _limit_concurrent_puts(uploading: Counter[str], key: str) -> Iterator[None]:
    """Limit the concurrent PUTs to one URL; raises Conflict beyond that.

    The quota is reserved once per upload but each PUT writes a file of its own, so unlimited PUTs could fill the disk.
    Not thread-safe: all calls are in one event loop.
    """
    if uploading[key] >= _MAX_CONCURRENT_PUTS:
        raise Conflict("The file is being sent by another connection. Wait for its end.", code="upload_in_flight")
    uploading[key] += 1
    try:
        yield
    finally:
        uploading[key] -= 1
        if not uploading[key]:
            del uploading[key]


async def _receive(request: Request, grant: Grant, storage: Storage) -> int:
    """Stream the body to storage and return its size in bytes. A rejected or interrupted body leaves no file."""
    size = 0
    pending = bytearray()
    upload = await run_in_threadpool(storage.create, grant.key)
    try:
        async for chunk in request.stream():
            size += len(chunk)
            check_size(grant, size, is_complete=False)
            pending += chunk
            if len(pending) >= _WRITE_BYTES:
                await run_in_threadpool(upload.write, bytes(pending))
                pending.clear()
        check_size(grant, size, is_complete=True)
        await run_in_threadpool(upload.write, bytes(pending))
        await run_in_threadpool(upload.commit)
    finally:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(upload.__exit__, None, None, None)
    return size


def _connection_lost() -> Invalid:
    return Invalid("The connection broke before the whole file was there. Send it again.")


def _file_missing() -> NotFound:
    return NotFound("The file is not there: it was not uploaded yet, or was removed.", code="media_not_found")


def _stat(storage: Storage, key: str) -> tuple[Path, os.stat_result] | None:
    """Return the path and status of a file on this machine; None if it is not there."""
    try:
        path = storage.local_path(key)
        return None if path is None else (path, path.stat())
    except FileNotFoundError:
        return None
    except ValueError:
        raise BadSignature("The signature of this URL is not valid. Ask for a new URL.") from None


def _elsewhere(request: Request, grant: Grant, content_type: str, media: MediaService, storage: Storage) -> Response:
    """Answer for a file that is not on this machine, such as one that was moved since its URL was signed: redirect to
    the storage's own URL. Raises NotFound."""
    size = storage.size(grant.key)
    url = None if size is None else media.redirect_url(grant, content_type)
    if url is None:
        raise _file_missing()
    if request.method == "HEAD":  # the storage's URL is for GET only
        return Response(media_type=content_type, headers={**_FILE_HEADERS, "Content-Length": str(size)})
    return RedirectResponse(url, 307, headers={"Cache-Control": "no-store"})


def _is_unsatisfiable(match: re.Match[str], size: int) -> bool:
    first, last = match["first"], match["last"]
    if not first:
        return int(last) == 0
    return int(first) >= size or (bool(last) and int(last) < int(first))


def _range_error(request: Request, size: int) -> JSONResponse:
    error = {
        "code": "range_not_satisfiable",
        "message": f"The file has {size:,} bytes; the range lies outside of it.",
        "request_id": request.state.request_id,
        "details": {"size_bytes": size},
    }
    return JSONResponse({"status": "error", "error": error}, 416, headers={"Content-Range": f"bytes */{size}"})
