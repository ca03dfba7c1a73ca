"""The entries of the speech cache: which stored file answers a call with which digest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from voxport.clock import now
from voxport.db.session import Database
from voxport.speech_cache import repository
from voxport.speech_cache.models import CachedFile

_SWEEP_BATCH = 5_000


class SpeechCache:
    """Finds, adds and sweeps entries, which answer for `lifetime` after they were added."""

    def __init__(self, database: Database, *, lifetime: timedelta, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._lifetime = lifetime
        self._clock = clock

    def find(self, tx: Session, profile_id: str, digest: str) -> CachedFile | None:
        """Return the profile's newest file with this digest. Its row is there; the storage is not asked."""
        return repository.find(tx, profile_id, digest, since=self._clock() - self._lifetime)

    def add(self, tx: Session, *, profile_id: str, digest: str, voice_id: str, file_key: str, seconds: Decimal) -> None:
        """Let a stored file answer later calls with this digest. `seconds` is the billed length, to a tenth."""
        repository.add(
            tx,
            digest=digest,
            profile_id=profile_id,
            voice_id=voice_id,
            file_key=file_key,
            milliseconds=int(seconds * 1000),
            created_at=self._clock(),
        )

    def sweep(self) -> int:
        """Delete entries that are too old to answer; returns how many. Their files stay."""
        with self._database.transaction() as tx:
            return repository.remove_before(tx, self._clock() - self._lifetime, _SWEEP_BATCH)


def forget_voice(tx: Session, profile_id: str, voice_id: str) -> None:
    """Delete the entries of a voice that is deleted in this transaction."""
    repository.remove_voice(tx, profile_id, voice_id)


def forget_profile(tx: Session, profile_id: str) -> None:
    """Delete the entries of a profile that is being erased."""
    repository.remove_profile(tx, profile_id)
