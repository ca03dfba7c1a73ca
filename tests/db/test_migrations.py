"""Migrations create the schema that the models declare, however often and by however many processes they are run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import voxport.migrations.migrate
from tests.support import backend
from tests.support.server import environment
from voxport.db.session import Database
from voxport.jobs.dbos_queue import migrate_jobs
from voxport.migrations.migrate import migrate, newest_revision
from voxport.migrations.tables import metadata


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'voxport.db'}")


def schema(database: Database) -> list[tuple[str, ...]]:
    """Every table, index and trigger, as SQLite stores it."""
    with database.connection() as connection:
        rows = connection.execute(text("SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY type, name"))
        return [tuple(row) for row in rows]


def test_the_migrated_database_is_what_the_models_say(database: Database) -> None:
    migrate(database)
    with database.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_job_engines_tables_live_beside_ours_and_touch_none(database: Database) -> None:
    migrate(database)
    before = {row for row in schema(database) if row[1] in metadata.tables}
    migrate_jobs(database)
    assert {row for row in schema(database) if row[1] in metadata.tables} == before
    with database.connection() as connection:
        assert "workflow_status" in inspect(connection).get_table_names()


def test_migrating_again_changes_nothing(database: Database) -> None:
    migrate(database)
    migrate_jobs(database)
    before = schema(database)
    migrate(database)
    migrate_jobs(database)
    assert schema(database) == before


def test_the_newest_revision_is_alembics_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(voxport.migrations.migrate.__file__).parent))
    assert newest_revision() == ScriptDirectory.from_config(config).get_current_head()


def test_a_current_database_is_not_written_to(database: Database, tmp_path: Path) -> None:
    migrate(database)
    with database.transaction():  # A writer would wait for the end of this transaction.
        child = "import sys; from voxport.migrations.migrate import migrate; from voxport.db.session import Database; "
        child += "migrate(Database(sys.argv[1])); print(any(name.startswith('alembic') for name in sys.modules))"
        result = subprocess.run(
            [sys.executable, "-c", child, database.url], capture_output=True, text=True, env=environment(), timeout=20
        )
    assert (result.returncode, result.stdout) == (0, "False\n"), result.stderr


def test_the_checks_of_the_models_are_in_the_database(database: Database) -> None:
    migrate(database)
    with database.connection() as connection:
        found = {
            check["name"]
            for table in ("balances", "holds")
            for check in inspect(connection).get_check_constraints(table)
        }
    declared = {
        str(c.name) for t in ("balances", "holds") for c in metadata.tables[t].constraints if "ck_" in str(c.name)
    }
    assert found == declared != set()


_OPEN = (
    "import sys; from pathlib import Path; from voxport.settings import Settings; "
    "from voxport.gateway import open_gateway; sys.stdin.readline(); "
    "gateway = open_gateway(Settings(_env_file=None, data_dir=Path(sys.argv[1]))); "
    "print(gateway.accounts.list_profiles()); gateway.close()"
)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", [0, *(pytest.param(number, marks=pytest.mark.drill) for number in (1, 2))])
def test_processes_that_open_a_new_gateway_at_once_all_succeed(tmp_path: Path, attempt: int) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, str(tmp_path / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=environment(**backend.environment(tmp_path / "data")),
        )
        for _ in range(4)
    ]
    for child in children:  # all have done their imports and wait for this line
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        assert out == "[]\n"
    database = Database(backend.database_url(tmp_path / "data"))
    with database.connection() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
        assert compare_metadata(MigrationContext.configure(connection), metadata) is not None
    database.close()


def test_a_migration_that_fails_leaves_nothing_half_done(database: Database) -> None:
    with database.connection() as connection:
        connection.execute(text("CREATE TABLE ledger_entries (x INTEGER)"))  # makes the first migration fail
    with pytest.raises(Exception, match="already exists"):
        migrate(database)
    assert [name for kind, name, _ in schema(database) if kind == "table"] == ["ledger_entries"]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="needs a file"):
        Database(url)


def test_money_is_written_through_to_the_disk(database: Database) -> None:
    with database.connection() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
