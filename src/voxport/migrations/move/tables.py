"""Finds the tables of both databases: the gateway's own by its models, the job engine's as they are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, MetaData, Table, func, select

from voxport.migrations.move.exclusive import MoveError
from voxport.migrations.tables import metadata

_VERSIONS: Final = {"alembic_version", "dbos_migrations"}
"""Tables that each database fills for itself."""


@dataclass(frozen=True)
class TablePair:
    """One table in both databases. A column of the job engine may be JSON in one and text in the other."""

    source: Table
    target: Table

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def columns(self) -> list[str]:
        return [column.name for column in self.source.columns]

    def is_mixed(self, name: str) -> bool:
        return _is_json(self.source.columns[name]) != _is_json(self.target.columns[name])

    def count(self, connection: Connection) -> int:
        table = self.source if self.is_of_source(connection) else self.target
        return connection.scalar(select(func.count()).select_from(table)) or 0

    def is_of_source(self, connection: Connection) -> bool:
        return connection.info.get("voxport_is_source", False) is True


def paired_tables(source: Connection, target: Connection) -> list[TablePair]:
    """Return all tables, parents before their children. Raises MoveError if the target can't hold all of the source."""
    source.info["voxport_is_source"] = True
    # Triggers of the target fill a derived table while what it is derived from is copied.
    own = [TablePair(table, table) for table in metadata.sorted_tables if not table.info.get("is_derived")]
    from_engine, to_engine = _engine_tables(source), _engine_tables(target)
    pairs = []
    for table in from_engine:
        match = next((one for one in to_engine if one.name == table.name), None)
        if match is None or {c.name for c in match.columns} != {c.name for c in table.columns}:
            if source.scalar(select(func.count()).select_from(table)):
                raise MoveError(f"The target has no such table as {table.name}, and it has rows.")
            continue
        pairs.append(TablePair(table, match))
    return [*own, *pairs]


def _engine_tables(connection: Connection) -> list[Table]:
    """Return the tables that are not in our models: on SQLite beside them, on Postgres in a schema of their own."""
    found = MetaData()
    found.reflect(connection, schema="dbos" if connection.dialect.name == "postgresql" else None)
    return [one for one in found.sorted_tables if one.name not in metadata.tables and one.name not in _VERSIONS]


def _is_json(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON)
