"""Replays the first response of a billed call that is repeated with the same Idempotency-Key."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import BinaryIO

from sqlalchemy.orm import Session

from voxport.accounts.service import key_ids
from voxport.billing.service import Billing
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Conflict, IdempotencyMismatch, Invalid, NotFound
from voxport.idempotency import repository
from voxport.idempotency.claim import IdempotentRequest, KeyClaim, ReplayableResponse, in_flight
from voxport.idempotency.models import StoredResponse
from voxport.media.file_urls import file_keys, with_file_urls
from voxport.media.service import MediaService
from voxport.storage.base import Storage
from voxport.sweeps.service import Sweeps

RETENTION = timedelta(hours=24)
MAX_BYTES = 64 * 1024 * 1024
_MAX_KEY_LENGTH = 255
_FAILED_RETENTION = timedelta(minutes=30)
"""Age at which the rows and files of failed calls are swept. A storage that was cut off may write a file long after its
call failed: as long as a system sends what it has not acknowledged, about 15 minutes on Linux."""
_SWEEP = "kept_answers"
_SWEEP_BATCH = 200
_log = logging.getLogger("voxport.idempotency")


class Idempotency:
    """Finds, replays and removes stored responses. `release_dead_owners` settles the calls of dead processes, so that a
    repeated call need not wait for that. Audio over `max_bytes` is not stored."""

    def __init__(
        self,
        database: Database,
        billing: Billing,
        media: MediaService,
        storage: Storage,
        release_dead_owners: Callable[[], int],
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._billing = billing
        self._media = media
        self._storage = storage
        self._release_dead_owners = release_dead_owners
        self._max_bytes = max_bytes
        self._clock = clock
        self._sweeps = Sweeps(database, clock=clock)

    def begin(self, idempotent_request: IdempotentRequest) -> ReplayableResponse | KeyClaim:
        """Return the first response, or a claim to give it. Raises Invalid (the key), IdempotencyMismatch (another
        request used the key), Conflict (the first call is in progress, or its response can't be replayed)."""
        if not 1 <= len(idempotent_request.key) <= _MAX_KEY_LENGTH or not all(
            "!" <= letter <= "~" for letter in idempotent_request.key
        ):
            raise Invalid(
                f"An Idempotency-Key has 1 to {_MAX_KEY_LENGTH} letters, digits and signs, and no blank: take a UUID.",
                location=("header", "Idempotency-Key"),
            )
        row, reusable = self._find(idempotent_request)
        if row is not None and row.state == "open" and self._release_dead_owners():
            row, reusable = self._find(idempotent_request)
        if row is None:
            if reusable:
                with self._database.transaction() as tx:
                    for one in reusable:
                        repository.retire(tx, one)
            return KeyClaim(self._storage, idempotent_request, self._clock(), max_bytes=self._max_bytes)
        if row.fingerprint != idempotent_request.fingerprint:
            raise IdempotencyMismatch()
        if row.state == "open":
            raise in_flight(self._clock() - row.created_at)
        if row.state == "consumed":
            raise _unreplayable(row)
        return self._replay(row)

    def open_file(self, answer: ReplayableResponse) -> BinaryIO:
        """Open a response's audio; the caller closes it. Raises FileNotFoundError."""
        with self._storage.local_copy(answer.file_key or "") as path:
            return path.open("rb")

    def sweep(self) -> int:
        """Remove responses older than a day, and the rows and files of failed calls; returns their number."""
        moment = self._clock()
        paused = self._sweeps.paused_items(_SWEEP)
        with self._database.snapshot() as tx:
            old = repository.older_than(tx, moment - RETENTION, _SWEEP_BATCH, excluded=paused)
            failed = repository.open_older_than(tx, moment - _FAILED_RETENTION, _SWEEP_BATCH, excluded=paused)
            rows = {row.sequence: row for row in [*old, *failed] if not self._is_in_progress(tx, row)}
        return self._sweeps.process(_SWEEP, rows.values(), lambda row: row.scope, self._remove)

    def erase(self, profile_id: str) -> list[str]:
        """Remove a profile's responses, except those of calls in progress; returns descriptions of what could not be
        removed."""
        with self._database.snapshot() as tx:
            rows = [row for row in repository.all_of_profile(tx, profile_id) if not self._is_in_progress(tx, row)]
        left = 0
        for row in rows:
            try:
                self._remove(row)
            except Exception:
                _log.exception("a kept answer could not be removed", extra={"key": row.file_key})
                left += 1
        return [f"{left} kept answers can't be removed now"] if left else []

    def _find(self, idempotent_request: IdempotentRequest) -> tuple[StoredResponse | None, list[StoredResponse]]:
        """Return the row that has the key, and the rows whose key may be reused. Before keys were per profile, several
        API keys of a profile could use the same one; then the first row counts."""
        with self._database.snapshot() as tx:
            scopes = [
                idempotent_request.scope,
                *map(idempotent_request.scope_of_key, key_ids(tx, idempotent_request.profile_id)),
            ]
            rows = repository.find(tx, scopes)
            reusable = [row for row in rows if self._is_reusable(tx, row)]
            return next((row for row in rows if row not in reusable), None), reusable

    def _is_reusable(self, tx: Session, row: StoredResponse) -> bool:
        """Whether the row's key may be reused: the row is a day old, or its call failed."""
        is_old = self._clock() - row.created_at >= RETENTION
        is_failed = row.state == "open" and self._billing.state_of(tx, row.hold_id) == "released"
        return is_failed or (is_old and not self._is_in_progress(tx, row))

    def _remove(self, row: StoredResponse) -> None:
        """Delete the file, then the row: after a kill in between, the row is found again."""
        self._storage.delete(row.file_key)
        with self._database.transaction() as tx:
            repository.remove(tx, row)
            self._sweeps.clear(tx, _SWEEP, row.scope)

    def _is_in_progress(self, tx: Session, row: StoredResponse) -> bool:
        return row.state == "open" and self._billing.state_of(tx, row.hold_id) == "open"

    def _replay(self, row: StoredResponse) -> ReplayableResponse:
        headers = {**row.headers, "Idempotent-Replayed": "true"}
        if row.body is None:
            if self._storage.size(row.file_key) is None:
                raise _unreplayable(row)
            return ReplayableResponse(row.status, headers, file_key=row.file_key)
        body, data = row.body, row.body.get("data")
        if isinstance(data, dict) and "url" in data:
            self._require_file(row, data["key"])
            body = {**body, "data": with_file_urls(data, self._media.read_urls(row.profile_id, list(file_keys(data))))}
        return ReplayableResponse(row.status, headers, body)

    def _require_file(self, row: StoredResponse, key: str) -> None:
        """Raises Conflict if the response's file was deleted, because its URL would return 404."""
        try:
            self._media.get(row.profile_id, key)
        except NotFound:
            raise Conflict(
                f"This call was done and paid for, and its file {key} was deleted since. "
                f"GET /v2/billing/requests/{row.request_id} says what it cost; a new call needs a new Idempotency-Key.",
                code="idempotency_consumed",
                details={"request_id": row.request_id, "job_id": row.job_id, "key": key},
            ) from None


def _unreplayable(row: StoredResponse) -> Conflict:
    return Conflict(
        "This call was done and paid for, and its audio can't be given again: it broke off, or was too long. "
        f"GET /v2/billing/requests/{row.request_id} says what it cost; a new call needs a new Idempotency-Key.",
        code="idempotency_consumed",
        details={"request_id": row.request_id, "job_id": row.job_id},
    )
