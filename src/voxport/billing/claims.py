"""The interface through which a billed call reports to the store of idempotent responses."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, BinaryIO, Protocol

from sqlalchemy.orm import Session


class Claim(Protocol):
    """The Idempotency-Key of one call. It is claimed in the transaction of the hold, and its response is stored in the
    transaction of the charge."""

    def open(self, tx: Session, hold_id: str, job_id: str | None = None) -> None:
        """Claim the key at the start of the call. Raises Conflict if another call already claimed it."""

    def store(self, audio: BinaryIO) -> None:
        """Store audio that is about to be charged. The whole file is read, from its beginning."""

    def copy(self, chunks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        """Pass the chunks through, and store the audio once it is complete."""

    def save(self, tx: Session, result: Any) -> None:
        """Mark the call as done. The response is built from `result`, now and on each replay."""

    def mark_unreplayable(self, tx: Session) -> None:
        """Mark the call as done and charged, without a complete response to replay."""

    def abandon(self) -> None:
        """Give up the claim: the call failed."""


class NoClaim:
    """A call without an Idempotency-Key."""

    def open(self, tx: Session, hold_id: str, job_id: str | None = None) -> None:
        pass

    def store(self, audio: BinaryIO) -> None:
        pass

    def copy(self, chunks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        return chunks

    def save(self, tx: Session, result: Any) -> None:
        pass

    def mark_unreplayable(self, tx: Session) -> None:
        pass

    def abandon(self) -> None:
        pass


NO_CLAIM = NoClaim()
