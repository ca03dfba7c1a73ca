"""Stores the parts of a job's speech as they are made, so that none is synthesized twice."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Any

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.providers.base import ResumeToken, SpokenWord
from voxport.retry import retry
from voxport.speech.timestamps import shifted
from voxport.storage.base import Storage

_RETRY_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds, after each failed write
_log = logging.getLogger("voxport.speech")


class StoredParts:
    """The part files of one job: `jobs/{job}/000000.part`, `000001.part`, … without gaps.

    A file holds one line of JSON (`token`, the resume token after the part, and `words`, the times of its words), then
    the samples as s16le. Files that were written before there were words have the token alone."""

    def __init__(self, storage: Storage, job_id: str) -> None:
        self._storage = storage
        self._job_id = job_id
        self._count = 0
        stored = {one.key for one in storage.scan(f"jobs/{job_id}")}
        while self._key(self._count) in stored:
            self._count += 1

    def __len__(self) -> int:
        return self._count

    def last_resume_token(self) -> ResumeToken | None:
        """Return the token that resumes the speech after the last stored part; None without parts."""
        if self._count == 0:
            return None
        token: ResumeToken = self._read(self._count - 1)[0]["token"]
        return token

    def words(self) -> list[SpokenWord]:
        """Return the words of all parts, in seconds from the beginning."""
        found: list[SpokenWord] = []
        samples = 0
        for number in range(self._count):
            header, content = self._read(number)
            found += shifted((SpokenWord(*word) for word in header["words"]), samples / SAMPLE_RATE)
            samples += len(content) // 2
        return found

    def add(self, token: ResumeToken, samples: Pcm, words: Sequence[SpokenWord] = ()) -> None:
        """Store a part. A failed write (full disk) is retried for a minute, since the part may have been paid for."""
        header = {"token": token, "words": [astuple(word) for word in words]}
        content = json.dumps(header).encode() + b"\n" + samples.astype("<i2").tobytes()

        def sleep(pause: float, _: OSError) -> None:
            _log.exception("a piece can't be kept yet", extra={"job_id": self._job_id})
            time.sleep(pause)

        retry(lambda: self._storage.put(self._key(self._count), content), _RETRY_PAUSES, on=OSError, sleep=sleep)
        self._count += 1

    def __iter__(self) -> Iterator[Pcm]:
        """Yield the samples of each part; one part is in memory at a time."""
        for number in range(self._count):
            yield np.frombuffer(self._read(number)[1], "<i2")

    def delete_all(self) -> None:
        """Delete all parts, the last one first, so that a kill leaves no gap and the rest is found again."""
        while self._count:
            self._storage.delete(self._key(self._count - 1))
            self._count -= 1

    def _read(self, number: int) -> tuple[dict[str, Any], bytes]:
        line, _, samples = self._storage.read(self._key(number)).partition(b"\n")
        header: dict[str, Any] = json.loads(line)
        return (header if "token" in header else {"token": header, "words": []}), samples

    def _key(self, number: int) -> str:
        return f"jobs/{self._job_id}/{number:06d}.part"
