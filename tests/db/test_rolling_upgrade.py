"""Two versions run beside each other while a gateway is upgraded: the older one stays usable, also when it restarts."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.client import open_client, settings_for
from voxport.db.session import Database
from voxport.gateway import open_gateway
from voxport.migrations import migrate as migrations
from voxport.migrations.migrate import downgrade, migrate, newest_revision

VERSIONS = sorted((Path(migrations.__file__).parent / "versions").glob("v[0-9]*.py"))
# An index that is dropped costs an older version time, and nothing else.
EXPANDING = {"create_table", "create_index", "drop_index", "add_column", "bulk_insert", "f", "get_bind"}
TRIGGERS = {"v0015_stored_bytes": {"execute"}}  # on tables of the older version, which need not know them
FIRST_CHECKED = "0009"  # those before were released together, in 0.1.0


def test_a_gateway_starts_on_a_database_that_a_newer_one_migrated(tmp_path: Path, database_url: str) -> None:
    database = Database(database_url)
    with database.transaction() as tx:
        tx.execute(text("ALTER TABLE jobs ADD COLUMN of_the_next_version VARCHAR(64)"))
        tx.execute(text("CREATE TABLE of_the_next_version (id INTEGER PRIMARY KEY)"))
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    gateway = open_gateway(settings_for(tmp_path / "data", database_url=database_url))
    try:
        client = open_client(gateway)
        assert client.balance()["credits"] == 100
        assert client.get("/v2/jobs").status_code == 200
    finally:
        gateway.close()
    with database.snapshot() as tx:
        assert tx.scalar(text("SELECT version_num FROM alembic_version")) == "9999"
    database.close()


def test_an_older_database_is_still_migrated(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'voxport.db'}")
    migrate(database)
    downgrade(database, "0009")
    migrate(database)
    with database.snapshot() as tx:
        assert tx.scalar(text("SELECT version_num FROM alembic_version")) == newest_revision()
        assert tx.execute(text("SELECT traceparent FROM jobs")).all() == []


@pytest.mark.parametrize("path", [path for path in VERSIONS if path.name[1:5] >= FIRST_CHECKED], ids=lambda p: p.stem)
def test_a_migration_only_adds_what_an_older_version_need_not_know(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    (upgrade,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
    named = {ast.unparse(call.func) for call in calls}
    assert {name for name in named if name.startswith("op.")} <= {
        f"op.{name}" for name in EXPANDING | TRIGGERS.get(path.stem, set())
    }
    for call in calls:
        if ast.unparse(call.func) == "op.add_column":
            column = ast.unparse(call.args[1])
            assert "nullable=True" in column or "server_default" in column, column
