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
from voxport.idempotency.claim import Answer, Asked, KeyClaim, in_flight
from voxport.idempotency.models import KeptAnswer
from voxport.media.service import MediaService
from voxport.storage.base import Storage
from voxport.sweeps.service import Sweeps

KEPT = timedelta(hours=24)
MAX_BYTES = 64 * 1024 * 1024
_LONGEST_KEY = 255
_FAILED = timedelta(minutes=1)  # after which what a failed call left is swept
_SWEEP = "kept_answers"
_SWEEP_BATCH = 200
_log = logging.getLogger("voxport.idempotency")


class Idempotency:
    """`bury_dead` settles the calls of processes that died, so that one that is sent again need not wait for it.
    Audio over `max_bytes` is not kept."""

    def __init__(
        self,
        database: Database,
        billing: Billing,
        media: MediaService,
        storage: Storage,
        bury_dead: Callable[[], int],
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._database = database
        self._billing = billing
        self._media = media
        self._storage = storage
        self._bury_dead = bury_dead
        self._max_bytes = max_bytes
        self._clock = clock
        self._sweeps = Sweeps(database, clock=clock)

    def look(self, asked: Asked) -> Answer | KeyClaim:
        """The first answer, or the right to give it. Raises Invalid (the key), IdempotencyMismatch (another request
        has the key), Conflict (the first call is under way, or its answer can't be given again)."""
        if not 1 <= len(asked.key) <= _LONGEST_KEY or not all("!" <= letter <= "~" for letter in asked.key):
            raise Invalid(
                f"An Idempotency-Key has 1 to {_LONGEST_KEY} letters, digits and signs, and no blank: take a UUID.",
                location=("header", "Idempotency-Key"),
            )
        row, free = self._find(asked)
        if row is not None and row.state == "open" and self._bury_dead():
            row, free = self._find(asked)
        if row is None:
            for one in free:
                self._remove(one)
            return KeyClaim(self._storage, asked, self._clock(), max_bytes=self._max_bytes)
        if row.fingerprint != asked.fingerprint:
            raise IdempotencyMismatch()
        if row.state == "open":
            raise in_flight(self._clock() - row.created_at)
        if row.state == "consumed":
            raise _consumed(row)
        return self._replay(row)

    def open_file(self, answer: Answer) -> BinaryIO:
        """The audio of an answer, to be closed. Raises FileNotFoundError."""
        with self._storage.local_copy(answer.file_key or "") as path:
            return path.open("rb")

    def sweep(self) -> int:
        """Remove the answers that are older than a day, and what calls left that came to nothing; how many."""
        moment = self._clock()
        resting = self._sweeps.resting(_SWEEP)
        with self._database.snapshot() as tx:
            old = repository.before(tx, moment - KEPT, _SWEEP_BATCH, without=resting)
            failed = repository.unanswered_before(tx, moment - _FAILED, _SWEEP_BATCH, without=resting)
            rows = {row.sequence: row for row in [*old, *failed] if not self._is_under_way(tx, row)}
        return self._sweeps.each(_SWEEP, rows.values(), lambda row: row.scope, self._remove)

    def erase(self, profile_id: str) -> list[str]:
        """Remove the answers of a profile but those of calls that are under way; what could not be removed, in
        words."""
        with self._database.snapshot() as tx:
            rows = [row for row in repository.every(tx, profile_id) if not self._is_under_way(tx, row)]
        left = 0
        for row in rows:
            try:
                self._remove(row)
            except Exception:
                _log.exception("a kept answer could not be removed", extra={"key": row.file_key})
                left += 1
        return [f"{left} kept answers can't be removed now"] if left else []

    def _find(self, asked: Asked) -> tuple[KeptAnswer | None, list[KeptAnswer]]:
        """The call that has the key, the first one where several of the profile's API keys used it before the key was
        the profile's; and the rows that hold it no longer."""
        with self._database.snapshot() as tx:
            scopes = [asked.scope, *map(asked.scope_of_key, key_ids(tx, asked.profile_id))]
            rows = repository.find(tx, scopes)
            free = [row for row in rows if self._is_free(tx, row)]
            return next((row for row in rows if row not in free), None), free

    def _is_free(self, tx: Session, row: KeptAnswer) -> bool:
        """Whether its key may be used again: it is a day old, or its call came to nothing."""
        is_old = self._clock() - row.created_at >= KEPT
        is_failed = row.state == "open" and self._billing.state_of(tx, row.hold_id) == "released"
        return is_failed or (is_old and not self._is_under_way(tx, row))

    def _remove(self, row: KeptAnswer) -> None:
        """The file first: a row without a file is found again."""
        self._storage.delete(row.file_key)
        with self._database.transaction() as tx:
            repository.remove(tx, row)
            self._sweeps.forget(tx, _SWEEP, row.scope)

    def _is_under_way(self, tx: Session, row: KeptAnswer) -> bool:
        return row.state == "open" and self._billing.state_of(tx, row.hold_id) == "open"

    def _replay(self, row: KeptAnswer) -> Answer:
        headers = {**row.headers, "Idempotent-Replayed": "true"}
        if row.body is None:
            if self._storage.size(row.file_key) is None:
                raise _consumed(row)
            return Answer(row.status, headers, file_key=row.file_key)
        body, data = row.body, row.body.get("data")
        if isinstance(data, dict) and "url" in data:
            self._require_file(row, data["key"])
            body = {**body, "data": {**data, "url": self._media.read_url(data["key"])}}
        return Answer(row.status, headers, body)

    def _require_file(self, row: KeptAnswer, key: str) -> None:
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


def _consumed(row: KeptAnswer) -> Conflict:
    return Conflict(
        "This call was done and paid for, and its audio can't be given again: it broke off, or was too long. "
        f"GET /v2/billing/requests/{row.request_id} says what it cost; a new call needs a new Idempotency-Key.",
        code="idempotency_consumed",
        details={"request_id": row.request_id, "job_id": row.job_id},
    )
