"""Changes rows behind the gateway's back, as somebody with the database's own tools could."""

from __future__ import annotations

from sqlalchemy import Connection, text

from voxport.db.session import Database

_APPEND_ONLY = ("ledger_transactions", "ledger_entries", "audit_log")


def tamper(database: Database, *statements: str) -> None:
    """Runs the statements in one transaction, without the triggers of append-only tables. Each must change a row."""
    with database.connection() as connection:
        remove_protection(connection)
        for statement in statements:
            assert connection.execute(text(statement)).rowcount > 0, f"{statement} hit nothing"


def remove_protection(connection: Connection) -> None:
    """Lets this transaction change append-only tables, and break foreign keys until its end (on Postgres for good)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        return
    connection.execute(text("PRAGMA defer_foreign_keys = ON"))
    for table in _APPEND_ONLY:
        for action in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{action}"))


def refuse_released_holds(connection: Connection) -> None:
    """Lets the database refuse to release a hold, as a full disk would, until `accept_released_holds`."""
    trigger = "CREATE TRIGGER refuse BEFORE UPDATE ON holds"
    if connection.dialect.name == "postgresql":
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'the disk is full'; END $$"
            )
        )
        connection.execute(text(f"{trigger} FOR EACH ROW WHEN (NEW.state = 'released') EXECUTE FUNCTION refuse()"))
        return
    body = "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    connection.execute(text(f"{trigger} WHEN NEW.state = 'released' {body}"))


def accept_released_holds(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("DROP FUNCTION refuse CASCADE"))
    else:
        connection.execute(text("DROP TRIGGER refuse"))
