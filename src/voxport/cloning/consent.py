"""Requires and records the speaker's consent to a clone."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from voxport.accounts.service import Principal
from voxport.audit.service import Actor, record
from voxport.catalog import ServiceName
from voxport.clock import now
from voxport.cloning.models import ConsentRecord
from voxport.db.session import Database
from voxport.errors import Forbidden
from voxport.ids import new_id
from voxport.paging import Page, build_page, decode_cursor


@dataclass(frozen=True)
class Consent:
    """The speaker's consent as the caller states it; `words` is the text that the speaker agreed to."""

    granted: bool
    speaker: str
    words: str | None = None


class Consents:
    def __init__(self, database: Database, *, is_required: bool) -> None:
        self._database = database
        self._is_required = is_required

    def require(self, consent: Consent | None) -> None:
        """Raises Forbidden if the consent is required and missing, or if it was not granted."""
        if consent is None and self._is_required:
            raise Forbidden(
                'This gateway makes a voice with the speaker\'s consent only. Send consent: {"granted": true, '
                '"speaker": "…"}, and in words what the speaker agreed to.',
                code="consent_required",
            )
        if consent is not None and not consent.granted:
            raise Forbidden("Without the speaker's consent no voice is made.", code="consent_required")

    def record(
        self,
        tx: Session,
        consent: Consent | None,
        caller: Principal,
        *,
        service: ServiceName,
        request_id: str,
        job_id: str | None = None,
        voice_id: str | None = None,
    ) -> None:
        """Record the consent in the transaction that starts the clone."""
        if consent is None:
            return
        row = ConsentRecord(
            id=new_id("cons"),
            profile_id=caller.profile_id,
            key_id=caller.key_id,
            service=service,
            request_id=request_id,
            job_id=job_id,
            voice_id=voice_id,
            speaker=consent.speaker,
            words=consent.words,
            created_at=now(),
        )
        tx.add(row)
        tx.flush()
        actor = Actor(caller.key_id, request_id)
        record(tx, "consent.grant", actor=actor, profile_id=caller.profile_id, subject=row.id, voice_id=voice_id)

    def page(self, *, profile_id: str | None, limit: int, cursor: str | None) -> Page[ConsentRecord]:
        """Return a page of consents, newest first, of one profile or all."""
        with self._database.snapshot() as tx:
            query = select(ConsentRecord)
            if profile_id is not None:
                query = query.where(ConsentRecord.profile_id == profile_id)
            if (before := decode_cursor(cursor)) is not None:
                query = query.where(ConsentRecord.sequence < before)
            rows = tx.scalars(query.order_by(ConsentRecord.sequence.desc()).limit(limit + 1)).all()
        return build_page(list(rows), limit, lambda row: row.sequence)

    def redact(self, profile_id: str) -> list[str]:
        """Clear speaker and words in a profile's records; returns the (empty) list of what could not be removed."""
        with self._database.transaction() as tx:
            own = ConsentRecord.profile_id == profile_id
            tx.execute(update(ConsentRecord).where(own).values(speaker="", words=None))
        return []
