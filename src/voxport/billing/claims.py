"""What a billed call tells whoever keeps answers for its Idempotency-Key."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, BinaryIO, Protocol

from sqlalchemy.orm import Session


class Claim(Protocol):
    """The Idempotency-Key of one call: claimed with its hold, answered with its charge, both in one transaction."""

    def open(self, tx: Session, hold_id: str, job_id: str | None = None) -> None:
        """The call begins. Raises Conflict where another one with the same key was first."""

    def store(self, audio: BinaryIO) -> None:
        """Keep audio that is about to be charged: the whole file, which is read from its beginning."""

    def copy(self, chunks: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
        """Keep the audio that passes through, once all of it has."""

    def save(self, tx: Session, result: Any) -> None:
        """The call is done; `result` is what its answer is made of, now and when it is sent again."""

    def mark_unreplayable(self, tx: Session) -> None:
        """The call is done and paid for, and there is nothing whole to be given again."""

    def abandon(self) -> None:
        """The call came to nothing."""


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
