"""Rows of every table, made from the columns' types, so that a table that is added later has some too."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    insert,
    select,
    text,
)

from voxport.db.base import UtcDateTime
from voxport.migrations.tables import metadata

_MOMENT = datetime(2026, 4, 27, 10, 30, 0, 123456, UTC)


def fill_tables(connection: Connection, *, only: Collection[str] | None = None, count: int = 3) -> None:
    """Inserts `count` rows into each table (of `only`) that is empty. The first row has no value where one may be
    missing. A foreign key refers to the row of the same number, if there are as many."""
    for table in metadata.sorted_tables:
        if table.info.get("is_derived"):  # the database fills it
            continue
        if (only is None or table.name in only) and not count_rows(connection, table):
            connection.execute(insert(table), [_row(connection, table, number) for number in range(1, count + 1)])
    if connection.dialect.name == "postgresql":  # which fills derived tables at the commit otherwise
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


def count_rows(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _row(connection: Connection, table: Table, number: int) -> dict[str, Any]:
    return {
        column.name: None if column.nullable and number == 1 else _value(connection, column, number)
        for column in table.columns
    }


def _value(connection: Connection, column: Column[Any], number: int) -> Any:
    for key in column.foreign_keys:
        found = connection.scalars(select(key.column).order_by(key.column)).all()
        return found[(number - 1) % len(found)]
    kind = column.type
    if isinstance(kind, String):
        return f"{column.name} {number} äöü €\n"[-(kind.length or 40) :].rjust(1)
    if isinstance(kind, UtcDateTime):
        return _MOMENT + timedelta(days=number)
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Integer):  # BigInteger too; equal values satisfy every check between columns
        return number
    if isinstance(kind, Float):
        return number + 0.1
    if isinstance(kind, LargeBinary):
        return bytes([number, 0, 255])
    assert isinstance(kind, JSON), f"{column}: a type without a value here"
    return {"number": number, "text": "ä\u0001", "nested": [None, True, 0.1 + number, 2**53]}
