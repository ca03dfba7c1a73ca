"""Copies the rows of a table in batches, and computes a digest of them that does not depend on their order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, Integer, NestedTransaction, Table, delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from voxport.migrations.move.exclusive import MoveError
from voxport.migrations.move.tables import TablePair

_BATCH: Final = 1_000
_MODULUS: Final = 1 << 256


@dataclass
class Digest:
    """The number of rows, and the sum of their SHA-256 hashes: the databases sort text differently."""

    rows: int = 0
    total: int = 0

    def add(self, values: Sequence[Any]) -> None:
        line = json.dumps([_canonical(one) for one in values], separators=(",", ":"))
        self.rows += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(line.encode()).digest())) % _MODULUS


def copy_rows(source: Connection, target: Connection, pair: TablePair, digest: Digest) -> Iterator[int]:
    """Copy all rows, and add them to `digest` as they are read. Yields the size of each batch. Raises MoveError."""
    names = pair.columns
    statement = insert(pair.target)
    for batch in _batches(source, pair.source, names):
        rows = []
        for row in batch:
            digest.add(_comparable(pair, names, row))
            rows.append({name: _converted(pair, name, value) for name, value in zip(names, row, strict=True)})
        try:
            target.execute(statement, rows)
        except DBAPIError as error:
            raise MoveError(f"Nothing was moved: {pair.name} has a row that the target refuses: {error.orig}") from None
        yield len(rows)


def digest_rows(connection: Connection, pair: TablePair, *, is_source: bool) -> Digest:
    digest = Digest()
    for batch in _batches(connection, pair.source if is_source else pair.target, pair.columns):
        for row in batch:
            digest.add(_comparable(pair, pair.columns, row))
    return digest


def clear_initial_rows(target: Connection, pairs: Sequence[TablePair]) -> NestedTransaction:
    """Remove the rows that a migration inserts, in a savepoint that the caller may roll back."""
    savepoint = target.begin_nested()
    head = next(one.target for one in pairs if one.name == "audit_head")
    target.execute(delete(head).where(head.c.sequence == 0))
    return savepoint


def set_sequences(target: Connection, pairs: Sequence[TablePair]) -> None:
    """Let Postgres go on after the highest number of each column that it counts up. SQLite does so by itself."""
    if target.dialect.name != "postgresql":
        return
    for one in (pair.target for pair in pairs):
        for key in one.columns:
            if not isinstance(key.type, Integer):
                continue
            name = f'"{one.schema}"."{one.name}"' if one.schema else f'"{one.name}"'
            counter = target.scalar(select(func.pg_get_serial_sequence(name, key.name)))
            highest = target.scalar(select(func.max(key)))
            if counter is not None and highest is not None:
                target.execute(text("SELECT setval(:name, :value)"), {"name": counter, "value": highest})


def _batches(connection: Connection, source: Table, names: Sequence[str]) -> Iterator[Sequence[Sequence[Any]]]:
    query = select(*(source.columns[name] for name in names))
    with connection.execute(query, execution_options={"yield_per": _BATCH}) as result:
        yield from result.partitions()


def _converted(pair: TablePair, name: str, value: Any) -> Any:
    if value is None or not pair.is_mixed(name):
        return value
    return json.loads(value) if isinstance(value, str) else json.dumps(value)


def _comparable(pair: TablePair, names: Sequence[str], row: Sequence[Any]) -> list[Any]:
    return [
        json.loads(value) if isinstance(value, str) and pair.is_mixed(name) else value
        for name, value in zip(names, row, strict=True)
    ]


def _canonical(value: Any) -> Any:
    """Return what is the same for equal values of both databases, as JSON."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return value
