"""Trouble of the machine that passes: what was being done is no mistake, and works when it is done again later."""

from __future__ import annotations

import errno

from voxport.db.transient_errors import is_transient
from voxport.errors import Unavailable

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
_RESOURCE_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def as_unavailable(error: Exception) -> Unavailable | None:
    """What a caller is told where the database or the disk refused its work, None for all other errors."""
    if isinstance(error, Unavailable):
        return error
    if isinstance(error, OSError) and error.errno in (*DISK_ERRORS, *_RESOURCE_ERRORS):
        return Unavailable(
            "The gateway's storage can't take or give files right now. Nothing was charged; please try again.",
            code="storage_unavailable",
        )
    if is_transient(error):
        return Unavailable("The gateway's database is busy or away. Nothing was charged; please try again.")
    return None
