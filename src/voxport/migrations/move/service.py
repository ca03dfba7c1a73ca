"""Copies all tables into an empty database in one transaction, and compares them before it commits."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from voxport.billing.verify import find_problems
from voxport.db.session import Database
from voxport.jobs.dbos_queue import migrate_jobs
from voxport.migrations.migrate import migrate, newest_revision, stored_revision
from voxport.migrations.move.exclusive import MoveError, Place, open_exclusively
from voxport.migrations.move.rows import Digest, clear_initial_rows, copy_rows, digest_rows, set_sequences
from voxport.migrations.move.tables import TablePair, paired_tables

OnProgress = Callable[[str, int, int], None]
"""Gets the table's name, the rows that are done, and all rows."""


@dataclass(frozen=True)
class MoveSummary:
    """`was_done` tells that an earlier move had copied everything and was interrupted afterwards. `problems` are those
    of the ledger, the same before and after. `kept_as` is where a SQLite source is now; None for Postgres."""

    tables: int
    rows: int
    was_done: bool
    problems: list[str]
    kept_as: str | None


def move_database(source_url: str, target_url: str, *, on_progress: OnProgress = lambda *_: None) -> MoveSummary:
    """Move everything, or nothing: the target's transaction commits after all tables were read back and compared.

    The source must be of this version and used by nobody; afterwards a SQLite file is renamed, so that no gateway
    starts on it by mistake. The target must have no rows. If it has exactly the rows of the source, an earlier move was
    killed after its commit, and is ended. Raises MoveError."""
    source_place, target_place = Place(source_url), Place(target_url)
    if source_place.url == target_place.url:
        raise MoveError("The source and the target are the same database.")
    try:
        _require_current(source_place)
        _create_tables(target_place)
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(open_exclusively(source_place, "source"))
            target = stack.enter_context(open_exclusively(target_place, "target"))
            summary = _move(source, target, on_progress)
            target.commit()
            kept_as = source_place.retire()
    except DBAPIError as error:
        raise MoveError(f"Nothing was moved: {str(error.orig).strip()}") from error
    return MoveSummary(summary.tables, summary.rows, summary.was_done, summary.problems, kept_as)


def _require_current(place: Place) -> None:
    if not place.exists():
        raise MoveError("There is no source: its database is not there.")
    database = Database(place.url)
    try:
        stored = stored_revision(database)
    finally:
        database.close()
    if stored != newest_revision():
        raise MoveError(
            f"The source is of another version ({stored or 'no gateway'}; this one needs {newest_revision()}). Start "
            "this version's voxport serve on it once, stop it, and run this again."
        )


def _create_tables(place: Place) -> None:
    database = Database(place.url)
    try:
        if stored_revision(database) not in (None, newest_revision()):
            raise MoveError("The target has tables of another version. Give an empty database.")
        migrate(database)
        migrate_jobs(database)
    finally:
        database.close()


def _move(source: Connection, target: Connection, on_progress: OnProgress) -> MoveSummary:
    tables = paired_tables(source, target)
    problems = _ledger_problems(source)
    before = {one.name: one.count(source) for one in tables}
    total = sum(before.values())
    initial = clear_initial_rows(target, tables)
    filled = [one.name for one in tables if one.count(target)]
    if filled:
        initial.rollback()
        if not _is_same(source, target, tables):
            raise MoveError(f"The target is not empty ({', '.join(filled[:5])}). Give an empty database.")
        return MoveSummary(len(tables), total, True, problems, None)
    initial.commit()
    done = 0
    read: dict[str, Digest] = {}
    for table in tables:
        digest = Digest()
        for rows in copy_rows(source, target, table, digest):
            done += rows
            on_progress(table.name, done, total)
        read[table.name] = digest
    set_sequences(target, tables)
    for table in tables:
        if before[table.name]:
            on_progress(f"comparing {table.name}", done, total)
        written = digest_rows(target, table, is_source=False)
        if written != read[table.name] or written.rows != before[table.name]:
            raise MoveError(f"Nothing was moved: the target does not give back what was written to {table.name}.")
    if target.dialect.name == "postgresql":
        target.exec_driver_sql("ANALYZE")
    after = _ledger_problems(target)
    if after != problems:
        raise MoveError(f"Nothing was moved: the ledger is not the same in the target. {after[:3]}")
    return MoveSummary(len(tables), total, False, problems, None)


def _is_same(source: Connection, target: Connection, tables: list[TablePair]) -> bool:
    return all(
        one.count(source) == one.count(target)
        and digest_rows(source, one, is_source=True) == digest_rows(target, one, is_source=False)
        for one in tables
    )


def _ledger_problems(connection: Connection) -> list[str]:
    with Session(connection) as session:
        return sorted(find_problems(session))
