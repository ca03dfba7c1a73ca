"""Errors of the database that are nobody's mistake and pass: it is locked, full, read-only, or gone."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, TimeoutError

# Primary result codes: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL. A missing table is
# none of them, though SQLAlchemy calls both an OperationalError.
_SQLITE_CODES = frozenset({5, 6, 7, 8, 9, 10, 13, 14, 15})
# Classes of SQLSTATE: connection, rolled back (a deadlock), out of resources, locked, by an operator, the system.
_SQLSTATE_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
_READ_ONLY_SQLSTATE = "25006"


def is_transient(error: BaseException) -> bool:
    """Whether trying again later may help."""
    if isinstance(error, TimeoutError | InterfaceError):  # no connection in time, or one that is dead
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _SQLITE_CODES
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        return state[:2] in _SQLSTATE_CLASSES or state == _READ_ONLY_SQLSTATE
    # psycopg has no SQLSTATE where the server could not be reached.
    return error.connection_invalidated or type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout")
