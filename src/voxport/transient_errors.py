"""Transient errors of the machine, such as a full disk or a locked database. The failed operation is valid and can be
retried."""

from __future__ import annotations

import errno

from voxport.db.transient_errors import CommitLost, is_transient
from voxport.errors import Unavailable

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE)
_RESOURCE_ERRORS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


def as_unavailable(error: Exception) -> Unavailable | None:
    """Return the error for the caller if the database or the storage failed; None for all other errors."""
    if isinstance(error, Unavailable):
        return error
    if isinstance(error, OSError) and error.errno in (*DISK_ERRORS, *_RESOURCE_ERRORS):
        return Unavailable(
            "The gateway's storage can't take or give files right now. Nothing was charged; please try again.",
            code="storage_unavailable",
        )
    if isinstance(error, CommitLost):
        return Unavailable(
            "The gateway's database went away while it wrote the end of the call: it may be done and charged. Send it "
            "again with the same Idempotency-Key; without one, look at GET /v2/billing/ledger first."
        )
    if is_transient(error):
        return Unavailable("The gateway's database is busy or away. Nothing was charged; please try again.")
    return None
