"""Opens the small documents that all processes of a database share (`providers.shared_slots.StateStore`)."""

from __future__ import annotations

from sqlalchemy import make_url

from voxport.coordination.file_states import FileStates
from voxport.coordination.postgres_states import PostgresStates


def open_states(url: str) -> FileStates | PostgresStates:
    """Open the store: files beside a SQLite database, else a table of Postgres. Nothing is read or connected yet."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return FileStates(f"{parsed.database}.states")
    return PostgresStates(url)
