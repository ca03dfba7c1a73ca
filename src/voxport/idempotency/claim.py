"""The claim on an Idempotency-Key, from a call's hold to its stored response."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from voxport.errors import Conflict
from voxport.idempotency import repository
from voxport.idempotency.models import StoredResponse
from voxport.ids import random_text
from voxport.storage.base import Storage

_MAX_RETRY_SECONDS = 30
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True)
class IdempotentRequest:
    """A request with an Idempotency-Key. `preference` is the Prefer header, which changes the kind of response."""

    profile_id: str
    request_id: str
    method: str
    path: str
    key: str
    body: bytes
    preference: str = ""

    @property
    def scope(self) -> str:
        """Hash that identifies the call. It is per profile: any of its API keys may repeat the call."""
        return _hash("profile", self.profile_id, self.method, self.path, self.key)

    def scope_of_key(self, key_id: str) -> str:
        """Return the scope as it was before 2026-11, per API key. Rows store only the hash, so older rows are found by
        it until they are a day old."""
        return _hash(key_id, self.method, self.path, self.key)

    @property
    def fingerprint(self) -> str:
        return _hash(_canonical_json(self.body), self.preference)


@dataclass(frozen=True)
class ReplayableResponse:
    """A response to send: JSON (`body`), or the audio of a file in storage (`file_key`)."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    file_key: str | None = None


class KeyClaim:
    """The right to give the first response. `render` turns a call's result into a response; the endpoint sets it."""

    def __init__(
        self, storage: Storage, idempotent_request: IdempotentRequest, moment: datetime, *, max_bytes: int
    ) -> None:
        """Longer audio than `max_bytes` is not stored."""
        self._storage = storage
        self._request = idempotent_request
        self._moment = moment
        self._max_bytes = max_bytes
        self._file_key = f"idempotency/{random_text(20)}/answer"
        self._is_stored = False
        self.render: Callable[[Any], ReplayableResponse] | None = None

    def open(self, tx: Session, hold_id: str, job_id: str | None = None) -> None:
        idempotent_request = self._request
        tx.add(
            StoredResponse(
                scope=idempotent_request.scope,
                fingerprint=idempotent_request.fingerprint,
                profile_id=idempotent_request.profile_id,
                request_id=idempotent_request.request_id,
                hold_id=hold_id,
                job_id=job_id,
                state="open",
                status=0,
                headers={},
                body=None,
                file_key=self._file_key,
                created_at=self._moment,
            )
        )
        try:
            tx.flush()
        except IntegrityError:
            raise in_flight(timedelta()) from None

    def store(self, audio: BinaryIO) -> None:
        if audio.seek(0, os.SEEK_END) > self._max_bytes:
            return
        audio.seek(0)
        with self._storage.create(self._file_key) as upload:
            while chunk := audio.read(_CHUNK_BYTES):
                upload.write(chunk)
            upload.commit()
        self._is_stored = True

    def copy(self, chunks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        with contextlib.closing(chunks), self._storage.create(self._file_key) as upload:
            size = 0
            for chunk in chunks:
                size += len(chunk)
                if size <= self._max_bytes:
                    upload.write(chunk)
                yield chunk
            if size <= self._max_bytes:
                upload.commit()
                self._is_stored = True

    def save(self, tx: Session, result: Any) -> None:
        assert self.render is not None
        answer = self.render(result)
        if answer.body is None and not self._is_stored:
            self.mark_unreplayable(tx)
            return
        self._complete(tx, state="answered", status=answer.status, headers=answer.headers, body=answer.body)

    def mark_unreplayable(self, tx: Session) -> None:
        self._complete(tx, state="consumed")

    def abandon(self) -> None:
        if self._is_stored:
            self._storage.delete(self._file_key)

    def _complete(self, tx: Session, **values: Any) -> None:
        if not repository.complete(tx, self._request.scope, self._request.request_id, **values):
            raise LookupError("the claim of an Idempotency-Key is gone")


def in_flight(age: timedelta) -> Conflict:
    error = Conflict(
        "The first call with this Idempotency-Key is still under way. Send it again in a while.",
        code="idempotency_in_flight",
    )
    # Clients poll less often for long calls.
    seconds = min(max(1, round(age.total_seconds() / 4)), _MAX_RETRY_SECONDS)
    error.details["retry_after"] = seconds
    error.headers["Retry-After"] = str(seconds)
    return error


def _canonical_json(body: bytes) -> str:
    """Return the same text for equivalent JSON; the hex of anything else."""
    try:
        return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return body.hex()


def _hash(*parts: str) -> str:
    """Return the SHA-256 of the parts, each prefixed by its length so that different lists differ."""
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "replace")).hexdigest()
