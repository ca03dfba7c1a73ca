"""Migrates the tables to the newest revision. Runs at every start, in one process at a time."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text

from voxport.db.session import Database

# Key of the Postgres advisory lock around the migrations: arbitrary, but the same in all processes.
_ADVISORY_LOCK: Final = 7_386_912_055
_MIGRATIONS: Final = Path(__file__).parent
_log = logging.getLogger("voxport.migrations")


def migrate(database: Database, revision: str | None = None) -> None:
    """Run the missing migrations in one transaction, all or none, up to `revision` or the newest. If none is missing,
    the database is only read.

    A database that a newer version has migrated is used as it is: while a gateway is upgraded, processes of the older
    version must be able to start again. Migrations only add what an older version need not know."""
    stored, wanted = stored_revision(database), revision or newest_revision()
    if stored is not None and stored > newest_revision():
        _log.warning("a newer version has migrated the database", extra={"revision": stored})
    elif stored != wanted:
        _run_alembic(database, "upgrade", revision or "head")


def downgrade(database: Database, revision: str) -> None:
    """Undo the migrations after `revision` in one transaction, for a return to an older Voxport. What only newer
    versions store is lost. Raises ValueError if the database never was at that revision."""
    stored = stored_revision(database)
    if stored is None or revision not in revisions() or revision > stored:
        raise ValueError(f"the database is at revision {stored or 'none'} and can't go back to {revision}")
    if revision != stored:
        _run_alembic(database, "downgrade", revision)


def _run_alembic(database: Database, direction: str, revision: str) -> None:
    # Importing Alembic takes a fifth of a second, and almost no start needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    # On SQLite, the connection's write transaction is the lock.
    with database.connection() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        config.attributes["connection"] = connection
        (command.upgrade if direction == "upgrade" else command.downgrade)(config, revision)


def migrate_in_child(data_dir: Path, url: str) -> None:
    """Run the migrations of a new SQLite database in a forked process, which takes Alembic's 10 MB along when it ends.

    For a process with no threads of its own yet. `migrate` must follow: it runs and reports what failed here."""
    if not url.startswith("sqlite:") or (data_dir / "voxport.db").exists():
        return
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        migrate(Database(url))
    finally:
        os._exit(0)


def newest_revision() -> str:
    return revisions()[-1]


def revisions() -> list[str]:
    """Return all revisions, oldest first, from the file names: `v0009_sweep_failures.py` is revision 0009."""
    return sorted(path.name[1:5] for path in (_MIGRATIONS / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py"))


def stored_revision(database: Database) -> str | None:
    """Return the revision of the database; None if it has no tables yet."""
    with database.snapshot() as tx:
        if not inspect(tx.connection()).has_table("alembic_version"):
            return None
        stored: str | None = tx.scalar(text("SELECT version_num FROM alembic_version"))
        return stored
