"""The pieces of a job's speech, kept in storage as they are made, so that none is spoken twice."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import numpy as np

from voxport.audio.arrays import Pcm
from voxport.providers.base import ResumeToken
from voxport.retry import retry
from voxport.storage.base import Storage

_RETRY_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds, after each write that failed
_log = logging.getLogger("voxport.speech")


class StoredParts:
    """Files `jobs/{job}/000000.part`, `000001.part`, … without a gap: a line of JSON (the piece's place), then its
    samples as s16le."""

    def __init__(self, storage: Storage, job_id: str) -> None:
        self._storage = storage
        self._job_id = job_id
        self._count = 0
        while storage.size(self._key(self._count)) is not None:
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def last_resume_token(self) -> ResumeToken | None:
        """Where the speech that is kept ends."""
        if self._count == 0:
            return None
        token: ResumeToken = json.loads(self._read(self._count - 1)[0])
        return token

    def add(self, token: ResumeToken, samples: Pcm) -> None:
        """Keep a piece. It may have been paid for, so that it is not thrown away at once where the disk is full."""
        content = json.dumps(token).encode() + b"\n" + samples.astype("<i2").tobytes()

        def sleep(pause: float, _: OSError) -> None:
            _log.exception("a piece can't be kept yet", extra={"job_id": self._job_id})
            time.sleep(pause)

        retry(lambda: self._storage.put(self._key(self._count), content), _RETRY_PAUSES, on=OSError, sleep=sleep)
        self._count += 1

    def __iter__(self) -> Iterator[Pcm]:
        """The samples, part by part; one part is in memory at a time."""
        for number in range(self._count):
            yield np.frombuffer(self._read(number)[1], "<i2")

    def delete_all(self) -> None:
        """Remove them, the last one first: what a kill leaves of them has no gap, and is found again."""
        while self._count:
            self._storage.delete(self._key(self._count - 1))
            self._count -= 1

    def _read(self, number: int) -> tuple[bytes, bytes]:
        token, _, samples = self._storage.read(self._key(number)).partition(b"\n")
        return token, samples

    def _key(self, number: int) -> str:
        return f"jobs/{self._job_id}/{number:06d}.part"
