"""Transient errors of the database: it is locked, full, read-only, unreachable or in the hands of another process."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

from voxport.db.lease import LeaseLost

# Primary result codes: BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL. A missing table has
# another code, though SQLAlchemy also raises OperationalError for it.
_SQLITE_CODES = frozenset({5, 6, 7, 8, 9, 10, 13, 14, 15})
# SQLSTATE classes: connection exception, transaction rollback (such as a deadlock), insufficient resources, object in
# use or locked, operator intervention, system error.
_SQLSTATE_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
_SQLSTATES = frozenset({"25006", "25P03", "25P04"})  # read-only; a transaction that paused, or took, too long


class CommitLost(OperationalError):
    """The connection ended during a commit: whether it was done is unknown. Nothing that it may have recorded may be
    taken away."""


def is_transient(error: BaseException) -> bool:
    """Return whether a retry may succeed."""
    # No connection from the pool in time, a dead connection, or a process that has lost its lease, and is about to end
    # or to take a new one.
    if isinstance(error, TimeoutError | InterfaceError | LeaseLost):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, TimeoutError):
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    if isinstance(code, int):
        return code & 0xFF in _SQLITE_CODES
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        return state[:2] in _SQLSTATE_CLASSES or state in _SQLSTATES
    # psycopg sets no SQLSTATE if the server is unreachable.
    return error.connection_invalidated or type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout")
