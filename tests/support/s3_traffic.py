"""What an S3 storage sends to its service, and other answers than the service gives, by hooks of botocore."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ClientError

from voxport.storage.base import Storage
from voxport.storage.s3.storage import S3Storage


@dataclass(frozen=True)
class SentRequest:
    operation: str
    headers: dict[str, str]
    size: int
    """Bytes of the body."""


@contextlib.contextmanager
def requests_to(storage: Storage) -> Iterator[list[SentRequest]]:
    """Collects the requests within the block."""
    sent: list[SentRequest] = []

    def collect(*, model: Any, params: Any, **_: object) -> None:
        body = params["body"]
        size = len(body) if isinstance(body, bytes | bytearray) else 0
        sent.append(SentRequest(model.name, dict(params["headers"]), size))

    with hooked(storage, "before-call.s3", collect):
        yield sent


@contextlib.contextmanager
def hooked(storage: Storage, event: str, handler: Callable[..., Any]) -> Iterator[None]:
    """Calls `handler` at each `event` of botocore, such as `after-call.s3.HeadObject`, which may change the answer or
    raise."""
    events = cast(S3Storage, storage)._bucket._client.meta.events  # a gateway's is wrapped, for its metrics
    events.register(event, handler)
    try:
        yield
    finally:
        events.unregister(event, handler)


def refusal(operation: str, code: str) -> ClientError:
    """Returns the error of the library for an answer of the service."""
    return ClientError({"Error": {"Code": code, "Message": ""}}, operation)
