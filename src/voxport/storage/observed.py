"""Times the operations of a storage, whichever it is, and counts its faults."""

from __future__ import annotations

import errno
from typing import Final, TypeVar

from voxport.storage.base import KeyExists
from voxport.telemetry import metrics
from voxport.telemetry.observed_calls import observe_calls
from voxport.telemetry.tracing import record_span

T = TypeVar("T")
_OPERATIONS: Final = frozenset(
    {"create", "put", "writable_path", "size", "stat", "read", "local_copy", "open", "delete", "check"}
)
_DISK_FAULTS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def observed_storage(storage: T) -> T:
    """Return a storage that behaves as this one and feeds the metrics."""
    metrics.declare_storage_operations(_OPERATIONS)
    return observe_calls(storage, _OPERATIONS, _StorageObserver())


class _StorageObserver:
    def is_failure(self, error: BaseException) -> bool:
        """A file that is missing or exists already, and a key that is none, are answers."""
        return not isinstance(error, FileNotFoundError | KeyExists | ValueError)

    def is_block_failure(self, error: BaseException) -> bool:
        """The block that writes a file may fail for reasons of its own; a full or broken disk is the storage's."""
        return isinstance(error, OSError) and error.errno in _DISK_FAULTS

    def on_call_end(self, operation: str, seconds: float, *, has_failed: bool) -> None:
        metrics.on_storage_call_end(operation, seconds, has_failed=has_failed)
        record_span(f"storage {operation}", seconds)
