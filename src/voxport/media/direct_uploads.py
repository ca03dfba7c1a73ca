"""Finds and checks uploads that clients PUT to the storage themselves, by presigned URLs, past the gateway.

The storage refuses what its URL signs: another type, another size than the announced one. The rest is found here, when
an upload is used or listed, and by the worker's rounds: a file that is too large, or one that was sent again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Final

from sqlalchemy.orm import Session

from voxport.accounts.service import lock_profile
from voxport.catalog import Limits
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Conflict, UnsupportedMedia, VoxportError
from voxport.media import repository
from voxport.media.models import Media
from voxport.media.names import parse_content_type, upload_media_type
from voxport.media.signing import Grant
from voxport.media.upload_limits import check_size, max_upload_bytes
from voxport.settings import Settings
from voxport.storage.base import FileInfo, Storage
from voxport.sweeps.service import Sweeps

RequireQuota = Callable[[Session, str, int], None]
_SWEEP: Final = "direct_uploads"
_SWEEP_BATCH: Final = 500
_MAX_EXPECTED: Final = 200
_MAX_LISTED: Final = 10_000
_FIRST_LOOK: Final = timedelta(minutes=1)
_LATE: Final = timedelta(hours=6)
"""How long a PUT that began before its URL expired may take."""
_REPLY_AGE: Final = timedelta(minutes=10)
"""Until then, a file that breaks its limits stays, so that its use says what is wrong with it."""
_ORPHAN_AGE: Final = timedelta(days=1)
_ORPHAN_SWEEP_SECONDS: Final = 6 * 3600.0
_UNTYPED: Final = {"binary/octet-stream"}  # what S3 says where a client gave no type
_log = logging.getLogger("voxport.media")


class DirectUploads:
    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        database: Database,
        storage: Storage,
        require_quota: RequireQuota,
    ) -> None:
        self._limits = limits
        self._database = database
        self._storage = storage
        self._require_quota = require_quota
        self._sweeps = Sweeps(database)
        self._url_lifetime = timedelta(seconds=settings.upload_expiry_seconds)
        self._tidy_interval = timedelta(seconds=settings.tidy_seconds)
        self._orphans_swept_at = -_ORPHAN_SWEEP_SECONDS

    def accept(self, row: Media, found: FileInfo) -> None:
        """Check a file that is about to be used, and record it at its first use. A file that breaks its limits is
        deleted: its URL is still good for a right one. Raises TooLarge, Invalid, UnsupportedMedia, Forbidden (quota),
        Conflict (sent again after it was recorded)."""
        if row.kind != "upload":
            return
        if row.uploaded_at is not None:
            if _is_replaced(row, found):
                raise _sent_again()
            return
        try:
            self._check(row, found)
            self._record(row, found)
        except VoxportError:
            self._storage.delete(row.key)
            raise

    def discover(self, profile_id: str) -> None:
        """Record the profile's expected uploads that are in the storage, by one request for a thousand files; none if
        no upload is expected. What breaks its limits is left to its use. Does nothing if the storage fails."""
        after = now() - self._url_lifetime - _LATE
        with self._database.snapshot() as tx:
            rows = {row.key: row for row in repository.expected_uploads(tx, profile_id, after, _MAX_EXPECTED)}
        if not rows:
            return
        try:
            for found in islice(self._storage.scan(f"uploads/{profile_id}"), _MAX_LISTED):
                if found.key in rows:
                    self._try_record(rows[found.key], found)
        except OSError:
            _log.warning("new uploads can't be looked for", exc_info=True)

    def discover_one(self, profile_id: str, key: str) -> bool:
        """Record an expected upload that is in the storage. Returns False if there is none."""
        with self._database.snapshot() as tx:
            row = repository.find_owned(tx, profile_id, key)
        if row is None or row.kind != "upload" or row.uploaded_at is not None:
            return False
        found = self._storage.stat(key)
        return found is not None and self._try_record(row, found)

    def sweep(self) -> int:
        """Look at each upload one minute after its slot was made, and then at ages that double: a dozen requests in a
        day. Records what has come, and deletes what breaks its limits or was sent again. Also deletes files that were
        sent to a URL whose upload had been deleted. Returns the number of files."""
        moment, ages = now(), [_FIRST_LOOK]
        while ages[-1] * 2 < self._url_lifetime:
            ages.append(ages[-1] * 2)
        # The last two looks are at recorded uploads too: until then, they can be sent again.
        last_ages = [self._url_lifetime, self._url_lifetime + _LATE]
        expected, last = (
            [(moment - age - self._tidy_interval, moment - age) for age in some] for some in (ages, last_ages)
        )
        with self._database.snapshot() as tx:
            paused = self._sweeps.paused_items(_SWEEP)
            rows = repository.uploads_due(tx, expected, last, _SWEEP_BATCH, excluded=paused)
        count = self._sweeps.process(_SWEEP, rows, lambda row: row.key, self._look)
        return count + self._sweep_orphans()

    def _look(self, row: Media) -> bool:
        found = self._storage.stat(row.key)
        if found is None:
            return False
        if row.uploaded_at is None:
            if self._try_record(row, found):
                return True
            if now() - row.created_at < _REPLY_AGE:
                return False
            self._storage.delete(row.key)
            return True
        if not _is_replaced(row, found):
            return False
        self._storage.delete(row.key)
        with self._database.transaction() as tx:
            repository.remove(tx, row.key)
        return True

    def _try_record(self, row: Media, found: FileInfo) -> bool:
        """Record a file, unless it breaks its limits."""
        try:
            self._check(row, found)
            self._record(row, found)
        except VoxportError as error:
            _log.info("an upload breaks its limits", extra={"key": row.key, "code": error.code})
            return False
        return True

    def _check(self, row: Media, found: FileInfo) -> None:
        media_type = upload_media_type(row.key)
        size_bytes = row.reserved_bytes or None
        max_bytes = max_upload_bytes(self._limits, media_type)
        check_size(Grant("put", row.key, 0, max_bytes=max_bytes, size_bytes=size_bytes), found.size, is_complete=True)
        sent = found.content_type
        parsed = parse_content_type(sent or "")
        is_accepted = parsed is not None and (parsed.is_document if media_type == "document" else parsed.is_readable)
        if sent is not None and sent not in _UNTYPED and not is_accepted:
            raise UnsupportedMedia(f"Send the file with the header Content-Type: {row.content_type}")

    def _record(self, row: Media, found: FileInfo) -> None:
        """Record size and time of a file. Raises Forbidden (quota), NotFound if the upload was deleted."""
        with self._database.transaction() as tx:
            lock_profile(tx, row.profile_id)
            current = repository.by_key(tx, row.key)
            if current is None or current.uploaded_at is not None:
                return
            self._require_quota(tx, row.profile_id, found.size - current.reserved_bytes)
            repository.mark_uploaded(tx, row.key, found.size, found.modified)

    def _sweep_orphans(self) -> int:
        """Delete files of uploads that have no row any more, which were sent while their URL was still good."""
        if time.monotonic() - self._orphans_swept_at < _ORPHAN_SWEEP_SECONDS:
            return 0
        self._orphans_swept_at = time.monotonic()
        old = now() - _ORPHAN_AGE
        candidates = (one.key for one in self._storage.scan("uploads") if one.modified < old)
        deleted = 0
        while batch := list(islice(candidates, _SWEEP_BATCH)):
            with self._database.snapshot() as tx:
                known = repository.known_keys(tx, batch)
                # Files of a profile that this gateway never had belong to another one.
                profiles = repository.known_profiles(tx, {key.split("/")[1] for key in batch})
            for key in batch:
                if key not in known and key.split("/")[1] in profiles:
                    self._storage.delete(key)
                    deleted += 1
        return deleted


def _is_replaced(row: Media, found: FileInfo) -> bool:
    """Return whether a client sent another file after the upload was recorded. A file that the gateway wrote itself,
    when files were moved or restored, is no such."""
    if not found.is_from_client:
        return False
    return found.size != row.size_bytes or found.modified != row.uploaded_at


def _sent_again() -> Conflict:
    return Conflict(
        "The file was sent again after it had been taken. Ask upload-media for a new URL to send another.",
        code="already_uploaded",
    )
