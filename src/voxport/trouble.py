"""Trouble of the machine that passes: what was being done is no mistake, and works when it is done again later."""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from voxport.errors import Unavailable

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
_SHORT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_SQLITE = (
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL),
)


def trouble(error: Exception) -> Unavailable | None:
    """What a caller is told where the database or the disk refused its work, None for all other errors."""
    if isinstance(error, Unavailable):
        return error
    if isinstance(error, OSError) and error.errno in (*DISK_ERRORS, *_SHORT_OF):
        return Unavailable(
            "The gateway's storage can't take or give files right now. Nothing was charged; please try again.",
            code="storage_unavailable",
        )
    if _is_of_the_database(error):
        return Unavailable("The gateway's database is busy or away. Nothing was charged; please try again.")
    return None


def _is_of_the_database(error: Exception) -> bool:
    if isinstance(error, InterfaceError | NoConnection):
        return True
    if not isinstance(error, OperationalError):
        return False
    # SQLite says this also of a table that is not there; Postgres's driver has other classes for such.
    is_sqlite = isinstance(error.orig, sqlite3.Error)
    return not is_sqlite or getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE
