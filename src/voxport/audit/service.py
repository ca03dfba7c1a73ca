"""The audit log: written with what it tells of, in one transaction, and proved by its hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final, Literal

from sqlalchemy import event
from sqlalchemy.orm import Session

from voxport.audit import repository
from voxport.audit.actors import CLI as CLI
from voxport.audit.actors import GATEWAY as GATEWAY
from voxport.audit.actors import Actor as Actor
from voxport.audit.models import AuditEntry
from voxport.clock import now
from voxport.db.session import Database
from voxport.paging import Page, build_page, decode_cursor

Action = Literal[
    "profile.create", "profile.suspend", "profile.resume", "profile.erase", "profile.erased",
    "key.create", "key.rotate", "key.revoke",
    "credit.credit", "credit.adjust", "credit.refund",
    "clone.submit", "clone.complete", "clone.instant", "consent.grant",
    "voice.delete", "media.delete",
]  # fmt: skip
GENESIS_HASH: Final = "0" * 64
"""What the first row holds as the hash of the one before."""
_PENDING_KEY: Final = "voxport_audit"


def record(
    tx: Session,
    action: Action,
    *,
    actor: Actor,
    profile_id: str | None = None,
    subject: str | None = None,
    **details: str | int | bool | None,
) -> None:
    """Write down what is done in this transaction. The rows are chained at its very end: the lock on the end of the
    chain is the last one that it takes, so that no two transactions wait for each other, and is held for a moment."""
    row = {"at": now().isoformat(timespec="microseconds"), "actor": actor.name, "action": action}
    row |= {"profile_id": profile_id, "subject": subject, "request_id": actor.request_id, "details": details}  # type: ignore[dict-item]
    if _PENDING_KEY not in tx.info:
        tx.info[_PENDING_KEY] = []
        event.listen(tx, "before_commit", _append)
    tx.info[_PENDING_KEY].append(row)


class Audit:
    """Reads the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, *, profile_id: str | None, limit: int, cursor: str | None) -> Page[AuditEntry]:
        """The newest first, of one profile or of all."""
        with self._database.snapshot() as tx:
            rows = repository.page(tx, profile_id, decode_cursor(cursor), limit + 1)
        return build_page(list(rows), limit, lambda row: row.sequence)

    def export(self) -> Iterator[dict[str, Any]]:
        """Every row, the oldest first, as it is hashed, with its hash."""
        with self._database.snapshot() as tx:
            for row in repository.iterate(tx):
                yield {**row_content(row), "hash": row.hash}

    def head(self) -> tuple[int, str]:
        """The number of the last row and its hash: written down elsewhere, it proves later that no row was taken from
        the end or written anew."""
        with self._database.snapshot() as tx:
            head = repository.head(tx, lock=False)
        return head.sequence, head.hash

    def verify(self, known: tuple[int, str] | None = None) -> str | None:
        """What is wrong with the first row that is broken; None where the log is whole. `known` is a number and a hash
        that `head` gave once."""
        previous, sequence = GENESIS_HASH, 0
        with self._database.snapshot() as tx:
            for row in repository.iterate(tx):
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
            head = repository.head(tx, lock=False)
        if (head.sequence, head.hash) != (sequence, previous):
            return f"row {sequence + 1} is missing: the log once ended with row {head.sequence}"
        if known is not None and known[0] > sequence:
            return f"row {sequence + 1} is missing: row {known[0]} was noted once"
        return None


def row_content(row: AuditEntry) -> dict[str, Any]:
    """What is hashed of a row: all but the hash itself."""
    names = ("sequence", "at", "actor", "action", "profile_id", "subject", "request_id", "details", "previous")
    return {name: getattr(row, name) for name in names}


def _hash(content: dict[str, Any]) -> str:
    """SHA-256 over canonical JSON: sorted names, no spaces, ASCII."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _append(tx: Session) -> None:
    """Chain what waits. A savepoint's end is not the end of the transaction."""
    if tx.in_nested_transaction():
        return
    pending = tx.info[_PENDING_KEY]
    tx.info[_PENDING_KEY] = []
    if not pending:
        return
    head = repository.head(tx, lock=True)
    for row in pending:
        linked = {**row, "sequence": head.sequence + 1, "previous": head.hash}
        head.sequence, head.hash = head.sequence + 1, _hash(linked)
        tx.add(AuditEntry(**linked, hash=head.hash))
