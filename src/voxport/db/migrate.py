"""Brings the tables to the newest revision; run at every start, by one process at a time."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from voxport.db.session import Database

# Any number, the same for all processes: the key of Postgres' advisory lock around the migrations.
_ADVISORY_LOCK = 7_386_912_055


def migrate(database: Database) -> None:
    """Run the migrations that are missing, in one transaction: all of them or none."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    # SQLite's lock is the write transaction that the connection is in.
    with database.connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
