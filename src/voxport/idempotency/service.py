"""The first answer of a billed call, for whoever sends the call again with the same Idempotency-Key."""

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
from voxport.media.service import MediaService
from voxport.storage.base import Storage
from voxport.sweeps.service import Sweeps

RETENTION = timedelta(hours=24)
MAX_BYTES = 64 * 1024 * 1024
_MAX_KEY_LENGTH = 255
_FAILED_RETENTION = timedelta(minutes=1)  # after which what a failed call left is swept
_SWEEP = "kept_answers"
_SWEEP_BATCH = 200
_log = logging.getLogger("voxport.idempotency")


class Idempotency:
    """`release_dead_owners` settles the calls of processes that died, so that one that is sent again need not wait for
    it. Audio over `max_bytes` is not kept."""

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
        """The first answer, or the right to give it. Raises Invalid (the key), IdempotencyMismatch (another request
        has the key), Conflict (the first call is under way, or its answer can't be given again)."""
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
            for one in reusable:
                self._remove(one)
            return KeyClaim(self._storage, idempotent_request, self._clock(), max_bytes=self._max_bytes)
        if row.fingerprint != idempotent_request.fingerprint:
            raise IdempotencyMismatch()
        if row.state == "open":
            raise in_flight(self._clock() - row.created_at)
        if row.state == "consumed":
            raise _unreplayable(row)
        return self._replay(row)

    def open_file(self, answer: ReplayableResponse) -> BinaryIO:
        """The audio of an answer, to be closed. Raises FileNotFoundError."""
        with self._storage.local_copy(answer.file_key or "") as path:
            return path.open("rb")

    def sweep(self) -> int:
        """Remove the answers that are older than a day, and what calls left that came to nothing; how many."""
        moment = self._clock()
        paused = self._sweeps.paused_items(_SWEEP)
        with self._database.snapshot() as tx:
            old = repository.older_than(tx, moment - RETENTION, _SWEEP_BATCH, excluded=paused)
            failed = repository.open_older_than(tx, moment - _FAILED_RETENTION, _SWEEP_BATCH, excluded=paused)
            rows = {row.sequence: row for row in [*old, *failed] if not self._is_in_progress(tx, row)}
        return self._sweeps.process(_SWEEP, rows.values(), lambda row: row.scope, self._remove)

    def erase(self, profile_id: str) -> list[str]:
        """Remove the answers of a profile but those of calls that are under way; what could not be removed, in
        words."""
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
        """The call that has the key, the first one where several of the profile's API keys used it before the key was
        the profile's; and the rows that hold it no longer."""
        with self._database.snapshot() as tx:
            scopes = [
                idempotent_request.scope,
                *map(idempotent_request.scope_of_key, key_ids(tx, idempotent_request.profile_id)),
            ]
            rows = repository.find(tx, scopes)
            reusable = [row for row in rows if self._is_reusable(tx, row)]
            return next((row for row in rows if row not in reusable), None), reusable

    def _is_reusable(self, tx: Session, row: StoredResponse) -> bool:
        """Whether its key may be used again: it is a day old, or its call came to nothing."""
        is_old = self._clock() - row.created_at >= RETENTION
        is_failed = row.state == "open" and self._billing.state_of(tx, row.hold_id) == "released"
        return is_failed or (is_old and not self._is_in_progress(tx, row))

    def _remove(self, row: StoredResponse) -> None:
        """The file first: a row without a file is found again."""
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
            body = {**body, "data": {**data, "url": self._media.read_url(data["key"])}}
        return ReplayableResponse(row.status, headers, body)

    def _require_file(self, row: StoredResponse, key: str) -> None:
        """Raises Conflict where the file that the answer names was deleted: its URL would be a 404."""
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
