"""Copies a Postgres database beside it, and puts it back. A database on SQLite is a file of its folder."""

from __future__ import annotations

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool


def save_database(url: str) -> None:
    """Copy the database as it is. Ends all connections to it."""
    name = make_url(url).database
    _execute(
        url,
        f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'",
        f'CREATE DATABASE "{name}_saved" TEMPLATE "{name}"',
    )


def restore_database(url: str) -> None:
    """Replace the database by its copy, whoever is connected."""
    name = make_url(url).database
    _execute(url, f'DROP DATABASE "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}" TEMPLATE "{name}_saved"')


def _execute(url: str, *statements: str) -> None:
    if make_url(url).get_backend_name() == "sqlite":
        return
    admin = create_engine(make_url(url).set(database="postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
