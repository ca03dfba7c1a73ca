"""What a caller is told of an exception that nobody expected."""

from __future__ import annotations

import errno

from voxport.db.trouble import is_trouble
from voxport.errors import Unavailable, VoxportError

_STORAGE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE})


def as_answer(error: BaseException) -> VoxportError:
    """A trouble of the database or the storage that may pass is a 503; all else is a 500, without its reason."""
    if is_trouble(error):
        return Unavailable(
            "The gateway's database can't be written or read right now. Nothing was charged; please try again."
        )
    if isinstance(error, OSError) and error.errno in _STORAGE:
        return Unavailable(
            "The gateway can't write or read its files right now. Nothing was charged; please try again.",
            code="storage_unavailable",
        )
    return VoxportError("Something went wrong in the gateway. Nothing was charged; please try again.")
