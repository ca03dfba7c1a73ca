"""Each version of the database can be left for the one before and entered again, on both kinds of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from tests.support.postgres import Postgres
from tests.support.rows import count_rows, fill_tables
from voxport.db.session import Database
from voxport.migrations.migrate import downgrade, migrate, newest_revision, revisions, stored_revision
from voxport.migrations.tables import metadata


@pytest.fixture(params=["sqlite", "postgres"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'voxport.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database()
    database = Database(url)
    yield database
    database.close()


def schema(database: Database) -> dict[str, Any]:
    """Everything that a migration makes, by name: columns, indexes, constraints, triggers and functions."""
    with database.connection() as connection:
        found = inspect(connection)
        tables = {name: _table(found, name) for name in found.get_table_names() if name != "alembic_version"}
        return {"tables": tables, "code": _code(connection)}


def _table(found: Any, name: str) -> dict[str, Any]:
    columns = {one["name"]: (str(one["type"]), one["nullable"], one["default"]) for one in found.get_columns(name)}
    keys = {one["name"]: (one["constrained_columns"], one["referred_table"]) for one in found.get_foreign_keys(name)}
    return {
        "columns": columns,
        "foreign keys": keys,
        "primary key": found.get_pk_constraint(name)["constrained_columns"],
        "indexes": {one["name"]: (one["column_names"], bool(one["unique"])) for one in found.get_indexes(name)},
        "unique": {one["name"]: one["column_names"] for one in found.get_unique_constraints(name)},
        "checks": {one["name"]: one["sqltext"] for one in found.get_check_constraints(name)},
    }


def _code(connection: Connection) -> set[tuple[str, ...]]:
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = (
            "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal UNION ALL "
            "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
    return {tuple(row) for row in connection.execute(text(query))}


def test_the_newest_version_is_what_the_models_say(empty: Database) -> None:
    migrate(empty)
    with empty.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_each_version_can_be_left_and_entered_again_with_rows_in_all_tables(empty: Database) -> None:
    fresh = {}
    for revision in revisions():
        migrate(empty, revision)
        fresh[revision] = schema(empty)
    for revision in reversed(revisions()):
        with empty.connection() as connection:
            fill_tables(connection)
        with empty.connection() as connection:  # what triggers fill is there after the commit
            before = {table.name: count_rows(connection, table) for table in metadata.sorted_tables}
        assert all(before.values()), "a table without rows"
        downgrade(empty, revision)
        assert stored_revision(empty) == revision
        assert schema(empty) == fresh[revision], f"down to {revision}"
        with empty.connection() as connection:
            kept = [table for table in metadata.sorted_tables if table.name in fresh[revision]["tables"]]
            counted = {table.name: connection.scalar(text(f"SELECT count(*) FROM {table.name}")) for table in kept}
        assert counted == {table.name: before[table.name] for table in kept}, f"down to {revision}"
        migrate(empty)
        assert schema(empty) == fresh[newest_revision()], f"up from {revision}"


def test_a_version_that_never_was_is_refused(empty: Database) -> None:
    for revision in ("0003", "9999", "base", "-1"):
        with pytest.raises(ValueError, match="can't go back"):
            downgrade(empty, revision)
    migrate(empty, "0003")
    with pytest.raises(ValueError, match="at revision 0003"):
        downgrade(empty, "0004")
    downgrade(empty, "0003")
    assert stored_revision(empty) == "0003"


def test_a_migration_that_fails_leaves_the_version_before(empty: Database) -> None:
    migrate(empty, "0003")
    before = schema(empty)
    with empty.connection() as connection:
        connection.execute(text("CREATE TABLE consents (x INTEGER)"))  # the migration to 0008 creates it too
    with pytest.raises(DBAPIError, match="already exists"):
        migrate(empty)
    assert stored_revision(empty) == "0003"
    with empty.connection() as connection:
        connection.execute(text("DROP TABLE consents"))
    assert schema(empty) == before
    migrate(empty)
