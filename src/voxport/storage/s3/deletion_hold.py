"""Coordinates deletions with backups on S3, where there are no locks: an object in the bucket says that a backup runs.

The backup renews the object while it runs; after a kill it counts for two minutes more. Its age is taken by the
service's clock, so the clocks of the hosts don't matter. A deletion that looked before the object was there finishes
during the backup: its file is one that "was being deleted", which a backup names.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Final

from voxport.storage.deletion_lock import BackupRunning
from voxport.storage.s3.bucket import Bucket

LOOK_SECONDS: Final = 0.5
"""How long a process takes an earlier look for granted, so that a round of deletions costs one request more."""
_RENEW_SECONDS: Final = 20.0
_VALID_SECONDS: Final = 120.0
_TIMEOUT_SECONDS: Final = 10.0
_log = logging.getLogger("voxport.media")


class DeletionHold:
    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._key = f"{prefix}.voxport/backup"
        self._held = False
        self._looked_at = -LOOK_SECONDS

    def is_held(self) -> bool:
        """Returns whether a backup runs. May be a second old."""
        if time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._held = self._is_marked()
            self._looked_at = time.monotonic()
        return self._held

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Holds deletions of all processes during the block. Raises BackupRunning."""
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while self._is_marked():
            if time.monotonic() > deadline:
                raise BackupRunning
            time.sleep(LOOK_SECONDS)
        write_id = secrets.token_hex(8)
        self._mark(write_id)
        time.sleep(2 * LOOK_SECONDS)  # every process has looked since
        with self._bucket.open(self._key) as file:
            if file.read() != write_id.encode():
                raise BackupRunning  # two began at once
        stopping = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(write_id, stopping), daemon=True)
        renewal.start()
        try:
            yield
        finally:
            stopping.set()
            renewal.join()
            self._looked_at = -LOOK_SECONDS
            try:
                self._bucket.delete(self._key)
            except OSError:  # it is too old in two minutes
                _log.exception("a backup can't say that it ended")

    def _renew(self, write_id: str, stopping: threading.Event) -> None:
        while not stopping.wait(_RENEW_SECONDS):
            try:
                self._mark(write_id)
            except OSError:
                _log.exception("a backup can't say that it runs")

    def _mark(self, write_id: str) -> None:
        self._bucket.put(self._key, write_id.encode(), write_id=write_id)

    def _is_marked(self) -> bool:
        age = self._bucket.age(self._key)
        return age is not None and age < _VALID_SECONDS
