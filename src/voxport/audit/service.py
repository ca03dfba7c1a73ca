"""Writes audit rows in the transaction of the action that they record, and verifies the log by its hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from voxport.audit.actors import CLI as CLI
from voxport.audit.actors import GATEWAY as GATEWAY
from voxport.audit.actors import Actor as Actor
from voxport.audit.models import AuditEntry, AuditHead
from voxport.clock import now
from voxport.db.session import Database
from voxport.paging import Page, build_page, decode_cursor

Action = Literal[
    "profile.create", "profile.suspend", "profile.resume", "profile.erase", "profile.erased",
    "key.create", "key.rotate", "key.revoke",
    "credit.credit", "credit.adjust", "credit.refund",
    "clone.submit", "clone.complete", "clone.instant", "consent.grant",
    "voice.mix", "voice.delete", "media.delete",
]  # fmt: skip
GENESIS_HASH: Final = "0" * 64
"""`previous` of the first row."""
_PENDING_KEY: Final = "voxport_audit"
_BATCH: Final = 1000


def record(
    tx: Session,
    action: Action,
    *,
    actor: Actor,
    profile_id: str | None = None,
    subject: str | None = None,
    **details: str | int | bool | None,
) -> None:
    """Record an action of this transaction. The rows are chained just before the commit, so that the lock on the end of
    the chain is the last one that the transaction takes: that avoids deadlocks, and keeps the lock short."""
    row = {"at": now().isoformat(timespec="microseconds"), "actor": actor.name, "action": action}
    row |= {"profile_id": profile_id, "subject": subject, "request_id": actor.request_id, "details": details}  # type: ignore[dict-item]
    if _PENDING_KEY not in tx.info:
        tx.info[_PENDING_KEY] = []
        event.listen(tx, "before_commit", _append)
    tx.info[_PENDING_KEY].append(row)


class Audit:
    """Reads and verifies the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, *, profile_id: str | None, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """Return a page of the rows of one profile or of all, newest first."""
        with self._database.snapshot() as tx:
            rows = _page(tx, profile_id, decode_cursor(cursor), limit + 1)
        return build_page(list(rows), limit, lambda row: row.sequence)

    def export(self) -> Iterator[dict[str, Any]]:
        """Yield the hashed content of every row and its hash, oldest first."""
        with self._database.snapshot(is_long=True) as tx:
            for row in _iterate(tx):
                yield {**row_content(row), "hash": row.hash}

    def head(self) -> tuple[int, str]:
        """Return the number and hash of the last row. Noted elsewhere, they prove later that no row was removed from
        the end or rewritten."""
        with self._database.snapshot() as tx:
            head = _head(tx, lock=False)
        return head.sequence, head.hash

    def verify(self, known: tuple[int, str] | None = None) -> str | None:
        """Return a description of the first broken row, or None if the log is intact. `known` is an earlier result of
        `head`."""
        previous, sequence = GENESIS_HASH, 0
        with self._database.snapshot(is_long=True) as tx:
            for row in _iterate(tx):
                sequence += 1
                if row.sequence != sequence:
                    return f"row {sequence} is missing: row {row.sequence} comes in its place"
                if row.previous != previous:
                    return f"row {sequence}: it does not follow the row before, which was changed or replaced"
                if row.hash != _hash(row_content(row)):
                    return f"row {sequence}: it was changed, its hash is not that of what it says"
                if known is not None and known[0] == sequence and known[1] != row.hash:
                    return f"row {sequence}: its hash is not the one that was noted"
                previous = row.hash
            head = _head(tx, lock=False)
        if (head.sequence, head.hash) != (sequence, previous):
            return f"row {sequence + 1} is missing: the log once ended with row {head.sequence}"
        if known is not None and known[0] > sequence:
            return f"row {sequence + 1} is missing: row {known[0]} was noted once"
        return None


def row_content(row: AuditEntry) -> dict[str, Any]:
    """Return the hashed content of a row: all columns except `hash`."""
    names = ("sequence", "at", "actor", "action", "profile_id", "subject", "request_id", "details", "previous")
    return {name: getattr(row, name) for name in names}


def _hash(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the content as canonical JSON: sorted names, no spaces, ASCII."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _head(tx: Session, *, lock: bool) -> AuditHead:
    query = select(AuditHead).execution_options(populate_existing=True)
    return tx.scalars(query.with_for_update(key_share=True) if lock else query).one()


def _iterate(tx: Session) -> Iterator[AuditEntry]:
    """Yield all rows, oldest first, with one batch in memory at a time."""
    yield from tx.scalars(select(AuditEntry).order_by(AuditEntry.sequence).execution_options(yield_per=_BATCH))


def _page(tx: Session, profile_id: str | None, before: int | None, limit: int) -> Sequence[AuditEntry]:
    query = select(AuditEntry)
    if profile_id is not None:
        query = query.where(AuditEntry.profile_id == profile_id)
    if before is not None:
        query = query.where(AuditEntry.sequence < before)
    return tx.scalars(query.order_by(AuditEntry.sequence.desc()).limit(limit)).all()


def _append(tx: Session) -> None:
    """Chain the pending rows before the commit. Does nothing at the end of a savepoint."""
    if tx.in_nested_transaction():
        return
    pending = tx.info[_PENDING_KEY]
    tx.info[_PENDING_KEY] = []
    if not pending:
        return
    head = _head(tx, lock=True)
    for row in pending:
        linked = {**row, "sequence": head.sequence + 1, "previous": head.hash}
        head.sequence, head.hash = head.sequence + 1, _hash(linked)
        tx.add(AuditEntry(**linked, hash=head.hash))
