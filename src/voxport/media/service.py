"""Files of a profile: upload targets, synthesised speech, and signed URLs of both."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy.orm import Session

from voxport.accounts.service import lock_profile, require_active
from voxport.audit.service import Actor, record
from voxport.catalog import Catalog
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Forbidden, NotFound, UnsupportedMedia
from voxport.ids import random_text
from voxport.media import repository
from voxport.media.direct_uploads import DirectUploads
from voxport.media.models import Media
from voxport.media.names import (
    SUBTITLE_TYPES,
    ContentType,
    clean_filename,
    parse_content_type,
    speech_kind,
    speech_type,
    subtitles_key,
)
from voxport.media.signing import Grant, UrlSigner
from voxport.media.upload_limits import already_uploaded, check_size, max_upload_bytes, too_large
from voxport.paging import Page, build_page, decode_cursor
from voxport.settings import Settings
from voxport.storage.base import Storage
from voxport.sweeps.service import Sweeps

MediaType = Literal["audio", "video", "document"]
_log = logging.getLogger("voxport.media")
_SWEEP = "files"
_SWEEP_BATCH = 200
_MAX_CALL_AGE = timedelta(days=1)  # longer than any call lives


@dataclass(frozen=True)
class UploadTarget:
    """The URL for the client's PUT, and the file's later URL. `expires_in` is in seconds."""

    upload_url: str
    public_url: str
    object_key: str
    expires_in: int


class MediaService:
    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        database: Database,
        storage: Storage,
        signer: UrlSigner,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self._database = database
        self._storage = storage
        self._signer = signer
        self._sweeps = Sweeps(database)
        self._direct = DirectUploads(settings, catalog.limits, database, storage, self.require_quota)

    def prepare_upload(
        self,
        profile_id: str,
        *,
        media_type: MediaType,
        filename: str,
        content_type: str,
        size_bytes: int | None,
    ) -> UploadTarget:
        """Reserve a key, and the size if it is announced, and sign the two URLs.

        Raises UnsupportedMedia, TooLarge, Forbidden (quota).
        """
        parsed = _require_accepted(parse_content_type(content_type), media_type)
        max_bytes = self._max_bytes(media_type)
        if size_bytes is not None and size_bytes > max_bytes:
            raise too_large(max_bytes, media_type)
        key = f"uploads/{profile_id}/{media_type}/{random_text(20)}/{clean_filename(filename)}"
        with self._database.transaction() as tx:
            require_active(tx, profile_id)
            self.require_quota(tx, profile_id, size_bytes or 0)
            repository.add(tx, profile_id, key, "upload", str(parsed), size_bytes or 0, now())
        lifetime = self._settings.upload_expiry_seconds
        expires = int(time.time()) + lifetime
        put = Grant("put", key, expires, content_type=str(parsed), max_bytes=max_bytes, size_bytes=size_bytes)
        # A presigned URL is good only with the very header that is signed: the one that the client announced.
        upload_url = self._storage.presign_put(
            key,
            content_type=content_type.strip(),
            size_bytes=size_bytes,
            expires_in=lifetime,
            tag=self._signer.tag(put),
        )
        return UploadTarget(
            upload_url=upload_url or self._signer.url(put),
            public_url=self._sign_read(key, str(parsed), lifetime),
            object_key=key,
            expires_in=lifetime,
        )

    def check_upload(self, grant: Grant, content_type: str | None, content_length: int | None) -> None:
        """Check an upload before its body is read, and reserve its quota.

        Reserves its length, or the maximum size if the length is unknown. Raises UnsupportedMedia, TooLarge, Invalid,
        Conflict, NotFound, Forbidden (quota, or suspended profile).
        """
        sent = parse_content_type(content_type or "")
        if sent is None or sent != parse_content_type(grant.content_type or ""):
            raise UnsupportedMedia(f"Send the file with the header Content-Type: {grant.content_type}")
        if content_length is not None:
            check_size(grant, content_length, is_complete=True)
        if self._storage.size(grant.key) is not None:
            raise already_uploaded()
        size_bytes = content_length if content_length is not None else grant.size_bytes or grant.max_bytes or 0
        with self._database.transaction() as tx:
            row = repository.by_key(tx, grant.key)
            if row is None:
                raise _upload_removed()
            if row.size_bytes is not None:
                raise already_uploaded()
            require_active(tx, row.profile_id)
            self.require_quota(tx, row.profile_id, size_bytes - row.reserved_bytes)
            repository.reserve(tx, grant.key, size_bytes)

    def abandon_upload(self, grant: Grant) -> None:
        """Reset the reservation of a failed upload to the announced size."""
        with self._database.transaction() as tx:
            repository.reserve(tx, grant.key, grant.size_bytes or 0)

    def record_upload(self, key: str, size_bytes: int) -> None:
        """Record that the file is in storage.

        Raises NotFound if the upload's row was swept, and Forbidden if another PUT to the same URL released the
        reservation and the quota is now full. In both cases the file is deleted.
        """
        try:
            with self._database.transaction() as tx:
                row = repository.by_key(tx, key)
                if row is None:
                    raise _upload_removed()
                self.require_quota(tx, row.profile_id, size_bytes - row.reserved_bytes)
                repository.mark_uploaded(tx, key, size_bytes, now())
        except (NotFound, Forbidden):
            self._storage.delete(key)
            raise

    def new_speech_key(self, extension: str) -> str:
        # The folders are few, so that most files need no new one, which costs two more writes to the disk.
        return f"audio/tts/{random_text(2)}/{random_text(30)}{extension}"

    def require_quota(self, tx: Session, profile_id: str, size_bytes: int) -> None:
        """Raise Forbidden if `size_bytes` more would exceed the profile's quota. Locks the quota until the transaction
        ends."""
        max_bytes = self._settings.max_stored_bytes
        if not max_bytes:
            return
        lock_profile(tx, profile_id)
        stored = repository.stored_bytes(tx, profile_id)
        if stored + size_bytes > max_bytes:
            raise Forbidden(
                f"Your files have {stored:,} of the {max_bytes:,} bytes that they may have: "
                "there is no room for this one. "
                "Delete some (DELETE /v1/media/{key}), or ask the operator for more.",
                code="storage_full",
                details={"stored_bytes": stored, "max_bytes": max_bytes, "needed_bytes": size_bytes},
            )

    def reserve_speech(self, tx: Session, profile_id: str, key: str, content_type: str, max_bytes: int) -> None:
        """Add a row for audio that will be synthesised, or subtitles. The row precedes the file, so that the sweep
        finds the file of a call that died. Raises Forbidden (quota)."""
        self.require_quota(tx, profile_id, max_bytes)
        repository.add(tx, profile_id, key, speech_kind(key), content_type, max_bytes, now())

    def record_speech(self, tx: Session, key: str, size_bytes: int) -> None:
        """Mark the audio as stored: from now on it belongs to its profile."""
        repository.mark_uploaded(tx, key, size_bytes, now())

    def add_speech(self, tx: Session, profile_id: str, key: str, content_type: str, size_bytes: int) -> None:
        """Add a row for audio, or subtitles, that is already stored. It is paid for, so the quota is not checked."""
        repository.add(tx, profile_id, key, speech_kind(key), content_type, size_bytes, now())
        self.record_speech(tx, key, size_bytes)

    def remove(self, key: str) -> None:
        """Delete a file and then its row. A crash in between leaves a row, so the deletion can be retried."""
        self._storage.delete(key)
        with self._database.transaction() as tx:
            repository.remove(tx, key)
            self._sweeps.clear(tx, _SWEEP, key)

    def leave_to_sweep(self, key: str) -> None:
        """Keep the row of a call that failed, without its bytes: a storage that was cut off may still write its file.
        The sweep removes both."""
        with self._database.transaction() as tx:
            repository.reserve(tx, key, 0)

    def list(self, profile_id: str, *, kind: str | None, limit: int, cursor: str | None) -> Page[Media]:
        """Return the profile's files, newest first."""
        before = decode_cursor(cursor)
        if self._storage.takes_direct_uploads:
            self._direct.discover(profile_id)
        with self._database.snapshot() as tx:
            rows = repository.stored_page(tx, profile_id, kind=kind, before=before, limit=limit + 1)
        return build_page(list(rows), limit, lambda row: row.sequence)

    def get(self, profile_id: str, key: str) -> Media:
        """Return a file's row. Raises NotFound, also while the file is being written."""
        row = self._find_stored(profile_id, key)
        if row is None and self._storage.takes_direct_uploads and self._direct.discover_one(profile_id, key):
            row = self._find_stored(profile_id, key)
        if row is None:
            raise _file_not_found()
        return row

    def delete(self, profile_id: str, key: str, *, actor: Actor) -> None:
        """Delete a file of the profile and then its row, so that the deletion can be retried after a crash. Subtitles
        are deleted with their speech. A job that has yet to read the file as its sample fails at no cost. Raises
        NotFound."""
        if self.get(profile_id, key).kind == "speech":
            for subtitles in self._subtitles_beside(profile_id, key):
                self.remove(subtitles)
        self._storage.delete(key)
        with self._database.transaction() as tx:
            if not repository.remove_stored(tx, profile_id, key):
                raise _file_not_found()
            record(tx, "media.delete", actor=actor, profile_id=profile_id, files=1)

    @property
    def url_seconds(self) -> int:
        """Lifetime in seconds of a URL signed now."""
        return self._settings.media_url_expiry_seconds

    def read_url(self, key: str, content_type: str | None = None) -> str:
        """Return a signed URL to read a file: of the storage itself where it has such, else of the gateway. Speech
        needs no `content_type`."""
        return self._sign_read(key, content_type or speech_type(key), self.url_seconds)

    def read_urls(self, profile_id: str, keys: Collection[str]) -> dict[str, str]:
        """Return signed URLs by key, for those keys that are complete files of the profile."""
        with self._database.snapshot() as tx:
            types = repository.stored_types(tx, profile_id, keys)
        return {key: self.read_url(key, content_type) for key, content_type in types.items()}

    def redirect_url(self, grant: Grant, content_type: str) -> str | None:
        """Return the storage's own URL for a grant of the gateway, until the grant expires; None if it has none."""
        remaining = max(1, grant.expires - int(time.time()))
        return self._storage.presign_get(
            grant.key, content_type=content_type, expires_in=remaining, tag=self._signer.tag(grant)
        )

    def content_type(self, key: str) -> str | None:
        with self._database.snapshot() as tx:
            row = repository.by_key(tx, key)
        return row.content_type if row else None

    def require_owner(self, profile_id: str, key: str) -> None:
        """Raise NotFound unless the file, uploaded or not, belongs to the profile."""
        self._owned(profile_id, key)

    def require_uploaded(self, profile_id: str, key: str) -> None:
        """Raise NotFound unless the file belongs to the profile and has been uploaded. For one that the client wrote to
        the storage itself, raises what the gateway's own upload URL would have raised."""
        row = self._owned(profile_id, key)
        found = self._storage.stat(key)
        if found is None:
            raise NotFound("The file was not uploaded yet. PUT it to the upload_url first.", code="media_not_found")
        if self._storage.takes_direct_uploads:
            self._direct.accept(row, found)

    def totals(self, profile_id: str) -> dict[str, tuple[int, int]]:
        """Return the number of files and their bytes, by kind."""
        with self._database.snapshot() as tx:
            return repository.totals(tx, profile_id)

    def remove_all(self, profile_id: str, *, with_unfinished: bool, actor: Actor) -> Sequence[str]:
        """Delete all files of a profile that is being erased. Returns a message if some could not be deleted.

        `with_unfinished` includes speech whose writer has died.
        """
        failed = 0
        with self._database.snapshot() as tx:
            rows = list(repository.all_of_profile(tx, profile_id))
        removed = 0
        for row in rows:
            if row.kind != "upload" and row.uploaded_at is None and not with_unfinished:
                continue
            try:
                self.remove(row.key)
                removed += 1
            except Exception:
                _log.exception("a file could not be removed", extra={"key": row.key})
                failed += 1
        if removed:
            with self._database.transaction() as tx:
                record(tx, "media.delete", actor=actor, profile_id=profile_id, files=removed)
        return [f"{failed} files can't be removed now"] if failed else []

    def sweep_uploads(self) -> int:
        """Look at uploads that clients wrote to the storage themselves. Returns the number of files that were recorded
        or deleted."""
        return self._direct.sweep() if self._storage.takes_direct_uploads else 0

    def sweep(self) -> int:
        """Delete uploads older than `upload_keep_days` (a voice keeps its own copy of its sample), and speech that dead
        calls left unfinished. Returns the number of files."""
        old = now() - timedelta(days=self._settings.upload_keep_days)
        unfinished_before = now() - _MAX_CALL_AGE
        paused = self._sweeps.paused_items(_SWEEP)
        with self._database.snapshot() as tx:
            rows = [
                *repository.uploads_before(tx, old, _SWEEP_BATCH, excluded=paused),
                *repository.unfinished_speech(tx, unfinished_before, _SWEEP_BATCH, excluded=paused),
            ]
        return self._sweeps.process(_SWEEP, rows, lambda row: row.key, lambda row: self.remove(row.key))

    def _owned(self, profile_id: str, key: str) -> Media:
        with self._database.snapshot() as tx:
            row = repository.find_owned(tx, profile_id, key)
        if row is None:
            raise NotFound("There is no such upload of yours.", code="media_not_found")
        return row

    def _find_stored(self, profile_id: str, key: str) -> Media | None:
        with self._database.snapshot() as tx:
            return repository.stored(tx, profile_id, key)

    def _subtitles_beside(self, profile_id: str, key: str) -> Collection[str]:
        with self._database.snapshot() as tx:
            return repository.stored_types(tx, profile_id, [subtitles_key(key, one) for one in SUBTITLE_TYPES])

    def _sign_read(self, key: str, content_type: str, expires_in: int) -> str:
        grant = Grant("get", key, int(time.time()) + expires_in)
        url = self._storage.presign_get(
            key, content_type=content_type, expires_in=expires_in, tag=self._signer.tag(grant)
        )
        return url or self._signer.url(grant)

    def _max_bytes(self, media_type: MediaType) -> int:
        return max_upload_bytes(self._catalog.limits, media_type)


def _require_accepted(parsed: ContentType | None, media_type: MediaType) -> ContentType:
    """Raise UnsupportedMedia unless files of this content type are accepted as this media type."""
    if media_type == "document":
        if parsed is not None and parsed.is_document:
            return parsed
        raise UnsupportedMedia(
            "This content_type is none of a document. Send application/epub+zip, text/plain, text/markdown, text/csv, "
            "application/jsonl or application/json; if you don't know, application/octet-stream."
        )
    if parsed is None or not parsed.is_readable:
        raise UnsupportedMedia(
            "This content_type can't be read. Send audio (mp3, wav, ogg, flac, m4a, webm) or "
            "video (mp4, mov, webm, mkv); save a file of another kind (avi, ts, wma, au) as one of these."
        )
    if parsed.kind != media_type and not parsed.is_generic:
        raise UnsupportedMedia(f"The content_type {parsed} does not belong to the media_type {media_type}.")
    return parsed


def _file_not_found() -> NotFound:
    return NotFound("There is no such file of yours. GET /v1/media lists them.", code="media_not_found")


def _upload_removed() -> NotFound:
    return NotFound("This upload was removed. Ask upload-media for a new URL.", code="media_not_found")
