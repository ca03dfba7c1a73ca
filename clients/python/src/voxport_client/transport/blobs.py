"""Calls to signed URLs, which carry their right in themselves and get no API key."""

from __future__ import annotations

import httpx2

from voxport_client.errors import ConflictError
from voxport_client.models.media import UploadTarget
from voxport_client.transport.attempts import Attempts
from voxport_client.transport.calls import Call
from voxport_client.transport.uploads import UploadSource

BLOB_CHUNK_BYTES = 1 << 20


def put_call(target: UploadTarget, source: UploadSource) -> Call[None]:
    return Call(
        "PUT",
        target.upload_url,
        _nothing,
        headers={"Content-Type": source.content_type, "Content-Length": str(source.size)},
    )


def get_call(url: str) -> Call[None]:
    return Call("GET", url, _nothing)


def after_put(attempts: Attempts, response: httpx2.Response) -> float | None:
    """Return the pause before the next try, or None if the file is stored. Raises StatusError."""
    try:
        return attempts.after_response(response)
    except ConflictError as error:
        if error.code == "already_uploaded" and attempts.is_answer_lost:  # an earlier try did it
            return None
        if error.code == "upload_in_flight":  # the gateway has not seen yet that an earlier try was cut
            return attempts.after_conflict(error)
        raise


def _nothing(_: httpx2.Response) -> None:
    return None
