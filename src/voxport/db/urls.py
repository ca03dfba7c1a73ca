"""URLs of databases. Imports nothing, so that settings are read without SQLAlchemy."""

from __future__ import annotations


def with_driver(url: str) -> str:
    """Return the URL with the driver that Voxport uses, where it names Postgres without one, as libpq's tools do."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url
