"""Keeps the audio of spoken lines, by what makes their sound, so that no line is spoken twice."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy.orm import Session

from voxport.audio.arrays import Pcm
from voxport.clock import now
from voxport.db.session import Database
from voxport.providers.base import SpokenWord
from voxport.retry import retry
from voxport.spoken_lines import repository
from voxport.spoken_lines.models import LineAudio
from voxport.storage.base import Storage

_RETRY_PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds, after each failed write
_SWEEP_BATCH: Final = 500
_log = logging.getLogger("voxport.spoken_lines")


@dataclass(frozen=True)
class SpokenLine:
    """`samples` are mono at SAMPLE_RATE; `words` count seconds from their beginning."""

    samples: Pcm
    words: tuple[SpokenWord, ...] = ()


class SpokenLines:
    """A file holds a line of JSON (`words`) and then the samples as s16le. The row in the database is written after the
    file; a file without a row is one that a kill left, and is written again or removed with its job."""

    def __init__(self, database: Database, storage: Storage, *, lifetime: timedelta) -> None:
        """`lifetime`: how long audio is kept after its last use."""
        self._database = database
        self._storage = storage
        self._lifetime = lifetime

    def find(self, profile_id: str, digests: Collection[str], *, trusted_since: datetime) -> dict[str, LineAudio]:
        """Return the rows by digest, of the lines whose audio is there. The storage is not asked for what was written
        after `trusted_since`."""
        with self._database.snapshot() as tx:
            rows = repository.find(tx, profile_id, digests)
        for digest in list(rows):
            if rows[digest].created_at > trusted_since:
                continue
            if self._storage.size(_key(profile_id, digest)) is None:  # someone removed the file by hand
                del rows[digest]
                with self._database.transaction() as tx:
                    repository.remove(tx, profile_id, digest)
        return rows

    def find_paid(self, profile_id: str, digests: Collection[str]) -> set[str]:
        """Return those of the digests whose audio is there and has been charged for. The storage is not asked."""
        with self._database.snapshot() as tx:
            rows = repository.find(tx, profile_id, digests)
        return {digest for digest, row in rows.items() if row.is_paid}

    def write(self, profile_id: str, digest: str, spoken: SpokenLine) -> None:
        """Store the audio, without its row. A failed write (full disk) is retried for a minute, since a provider may
        have been paid for it."""
        header = {"words": [astuple(word) for word in spoken.words]}
        content = json.dumps(header).encode() + b"\n" + spoken.samples.astype("<i2").tobytes()

        def sleep(pause: float, _: OSError) -> None:
            _log.exception("the audio of a line can't be kept yet")
            time.sleep(pause)

        key = _key(profile_id, digest)
        retry(lambda: self._storage.put(key, content), _RETRY_PAUSES, on=OSError, sleep=sleep)

    def read(self, profile_id: str, digest: str) -> SpokenLine:
        line, _, samples = self._storage.read(_key(profile_id, digest)).partition(b"\n")
        header: dict[str, Any] = json.loads(line)
        words = tuple(SpokenWord(*word) for word in header["words"])
        return SpokenLine(np.frombuffer(samples, "<i2"), words)

    def record(
        self,
        tx: Session,
        profile_id: str,
        digest: str,
        *,
        voice_id: str,
        samples: int,
        findings: list[dict[str, Any]] | None = None,
    ) -> None:
        """Record that the audio of a line is in storage. Another job may have done so meanwhile."""
        moment = now()
        repository.add(
            tx,
            profile_id=profile_id,
            digest=digest,
            voice_id=voice_id,
            samples=samples,
            is_paid=False,
            findings=findings,
            created_at=moment,
            used_at=moment,
        )

    def unpaid(self, tx: Session, profile_id: str, digests: Collection[str]) -> dict[str, int]:
        """Return the samples by digest, of the lines that no job has charged for."""
        rows = repository.find(tx, profile_id, digests)
        return {digest: row.samples for digest, row in rows.items() if not row.is_paid}

    def touch(self, tx: Session, profile_id: str, digests: Collection[str]) -> None:
        """Keep the audio for another lifetime."""
        repository.touch(tx, profile_id, digests, now())

    def mark_paid(self, tx: Session, profile_id: str, digests: Collection[str]) -> None:
        repository.mark_paid(tx, profile_id, digests, now())

    def remove_strays(self, profile_id: str, digests: Collection[str]) -> None:
        """Remove the files of these digests that have no row."""
        with self._database.snapshot() as tx:
            rows = repository.find(tx, profile_id, digests)
        for digest in set(digests) - set(rows):
            self._storage.delete(_key(profile_id, digest))

    def erase(self, profile_id: str) -> Sequence[str]:
        """Remove all audio of a profile."""
        with self._database.snapshot() as tx:
            found = repository.of_profile(tx, profile_id)
        self._remove(profile_id, found)
        return []

    def sweep(self, moment: datetime | None = None) -> int:
        """Remove audio that no job has used for its lifetime; returns how many lines."""
        with self._database.snapshot() as tx:
            rows = repository.unused(tx, (moment or now()) - self._lifetime, _SWEEP_BATCH)
        for row in rows:
            self._remove(row.profile_id, [row.digest])
        return len(rows)

    def _remove(self, profile_id: str, digests: Sequence[str]) -> None:
        """Remove files and then their rows, so that a kill in between leaves rows, by which they are removed again."""
        for digest in digests:
            self._storage.delete(_key(profile_id, digest))
            with self._database.transaction() as tx:
                repository.remove(tx, profile_id, digest)


def forget_voice(tx: Session, profile_id: str, voice_id: str) -> None:
    """Let the next sweep remove the audio of a voice that is deleted in this transaction."""
    repository.expire_voice(tx, profile_id, voice_id)


def _key(profile_id: str, digest: str) -> str:
    return f"lines/{profile_id}/{digest[:2]}/{digest}.line"
