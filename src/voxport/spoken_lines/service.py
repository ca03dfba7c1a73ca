"""Keeps the audio of spoken lines, by what makes their sound, so that no line is spoken twice."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy.orm import Session

from voxport.accounts.service import lock_profile
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
_KEEPING_STATES: Final = ("active", "suspended")
_log = logging.getLogger("voxport.spoken_lines")


class ProfileGone(Exception):
    """The profile is erased, or being erased: nothing of it is kept."""


@dataclass(frozen=True)
class SpokenLine:
    """`samples` are mono at SAMPLE_RATE; `words` count seconds from their beginning."""

    samples: Pcm
    words: tuple[SpokenWord, ...] = ()


class SpokenLines:
    """A file holds a line of JSON (`words`) and then the samples as s16le. It is of one job, by its name; the row in
    the database is written after it, so that a file without a row is one that a kill left, and goes with its job. Two
    jobs that speak the same line have two files, and the row has the first."""

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
            row = rows[digest]
            if row.created_at <= trusted_since and self._storage.size(row.key) is None:  # someone removed it by hand
                del rows[digest]
                with self._database.transaction() as tx:
                    repository.remove(tx, row.sequence)
        return rows

    def find_paid(self, profile_id: str, digests: Collection[str]) -> set[str]:
        """Return those of the digests whose audio is there and has been charged for. The storage is not asked."""
        with self._database.snapshot() as tx:
            rows = repository.find(tx, profile_id, digests)
        return {digest for digest, row in rows.items() if row.is_paid}

    def write(self, profile_id: str, digest: str, job_id: str, spoken: SpokenLine) -> str:
        """Store the audio, without its row, and return its key. A failed write (full disk) is retried for a minute,
        since a provider may have been paid for it."""
        header = {"words": [astuple(word) for word in spoken.words]}
        content = json.dumps(header).encode() + b"\n" + spoken.samples.astype("<i2").tobytes()

        def sleep(pause: float, _: OSError) -> None:
            _log.exception("the audio of a line can't be kept yet")
            time.sleep(pause)

        key = f"{_folder(profile_id)}/{digest[:2]}/{digest}{_suffix(job_id)}"
        retry(lambda: self._storage.put(key, content), _RETRY_PAUSES, on=OSError, sleep=sleep)
        return key

    def read(self, key: str) -> SpokenLine:
        """Raises FileNotFoundError."""
        line, _, samples = self._storage.read(key).partition(b"\n")
        header: dict[str, Any] = json.loads(line)
        words = tuple(SpokenWord(*word) for word in header["words"])
        return SpokenLine(np.frombuffer(samples, "<i2"), words)

    def record(
        self,
        tx: Session,
        profile_id: str,
        digest: str,
        *,
        key: str,
        voice_ids: Collection[str],
        samples: int,
        findings: list[dict[str, Any]] | None = None,
    ) -> tuple[str, int]:
        """Record that the audio of a line, in which `voice_ids` are heard, is in storage. Returns the key and the
        samples of the audio that counts: that of another job if it came first. Raises ProfileGone."""
        if lock_profile(tx, profile_id) not in _KEEPING_STATES:
            raise ProfileGone(profile_id)
        other = repository.find(tx, profile_id, [digest]).get(digest)
        if other is not None:
            return other.key, other.samples
        moment = now()
        repository.add(
            tx,
            profile_id=profile_id,
            digest=digest,
            voice_ids="".join(f"\n{voice_id}\n" for voice_id in sorted(voice_ids)),
            key=key,
            samples=samples,
            is_paid=False,
            findings=findings,
            created_at=moment,
            used_at=moment,
        )
        return key, samples

    def voices_of(self, profile_id: str, digests: Collection[str]) -> set[str]:
        """Return the ids of the voices that are heard in the audio that there is."""
        with self._database.snapshot() as tx:
            rows = repository.find(tx, profile_id, digests)
        return {voice_id for row in rows.values() for voice_id in row.voice_ids.split("\n") if voice_id}

    def discard(self, key: str) -> None:
        """Delete a file that has no row."""
        self._storage.delete(key)

    def unpaid(self, tx: Session, profile_id: str, samples: Mapping[str, int]) -> dict[str, int]:
        """Return the samples by digest, of those lines that no job has charged for. A line whose audio was removed
        meanwhile counts as one of them. The caller holds the lock of the profile's balance."""
        rows = repository.find(tx, profile_id, samples)
        return {
            digest: rows[digest].samples if digest in rows else count
            for digest, count in samples.items()
            if digest not in rows or not rows[digest].is_paid
        }

    def touch(self, tx: Session, profile_id: str, digests: Collection[str]) -> None:
        """Keep the audio for another lifetime."""
        repository.touch(tx, profile_id, digests, now())

    def mark_paid(self, tx: Session, profile_id: str, digests: Collection[str]) -> None:
        repository.mark_paid(tx, profile_id, digests)
        repository.touch(tx, profile_id, digests, now())

    def remove_strays(self, profile_id: str, job_id: str) -> None:
        """Remove the files of an ended job that have no row."""
        suffix = _suffix(job_id)
        keys = [file.key for file in self._storage.scan(_folder(profile_id)) if file.key.endswith(suffix)]
        with self._database.snapshot() as tx:
            rows = repository.find(tx, profile_id, {_digest(key) for key in keys})
        kept = {row.key for row in rows.values()}
        for key in keys:
            if key not in kept:
                self._storage.delete(key)

    def erase(self, profile_id: str) -> Sequence[str]:
        """Remove all audio of a profile, also what has no row."""
        with self._database.snapshot() as tx:
            rows = repository.of_profile(tx, profile_id)
        for row in rows:
            self._storage.delete(row.key)
            with self._database.transaction() as tx:
                repository.remove(tx, row.sequence)
        for file in list(self._storage.scan(_folder(profile_id))):
            self._storage.delete(file.key)
        return []

    def sweep(self, moment: datetime | None = None) -> int:
        """Remove audio that no job has used for its lifetime; returns how many lines."""
        since = (moment or now()) - self._lifetime
        with self._database.snapshot() as tx:
            rows = repository.unused(tx, since, _SWEEP_BATCH)
        removed = 0
        for row in rows:
            with self._database.transaction() as tx:
                if repository.remove_unused(tx, row.sequence, since):  # the file goes before the commit: none stays
                    self._storage.delete(row.key)
                    removed += 1
        return removed


def forget_voice(tx: Session, profile_id: str, voice_id: str) -> None:
    """Let the next sweep remove the audio of a voice that is deleted in this transaction."""
    repository.expire_voice(tx, profile_id, voice_id)


def _folder(profile_id: str) -> str:
    return f"lines/{profile_id}"


def _suffix(job_id: str) -> str:
    return f"-{job_id}.line"


def _digest(key: str) -> str:
    return key.rpartition("/")[2].partition("-")[0]
