"""Secrets that sign a profile's webhooks. They are derived, so that the database alone can't sign, and a replaced
secret stays active for a day."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Conflict
from voxport.secret import Secret
from voxport.webhooks import repository
from voxport.webhooks.models import WebhookSecret

_OVERLAP: Final = timedelta(hours=24)
_MAX_ACTIVE: Final = 5
"""Maximum of active secrets per profile: each adds a signature to the header of every webhook."""


@dataclass(frozen=True)
class SigningSecret:
    """A signing secret. `value` has the format of Standard Webhooks, `whsec_…`; `expires_at` is None for the current
    one."""

    value: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None


class SigningSecrets:
    def __init__(self, database: Database, secret: Secret, *, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._key = secret.key_for("webhook secrets")
        self._clock = clock

    def active(self, profile_id: str) -> list[SigningSecret]:
        """Return the active secrets, the current one first. Creates the first one if there is none."""
        with self._database.snapshot() as tx:
            rows = repository.secrets(tx, profile_id, self._clock())
        if not rows:
            with self._database.transaction() as tx:
                # Two first calls may arrive at once.
                with contextlib.suppress(IntegrityError), tx.begin_nested():
                    self._add(tx, profile_id)
                rows = repository.secrets(tx, profile_id, self._clock())
        return [self._derive(row) for row in rows]

    def rotate(self, profile_id: str) -> list[SigningSecret]:
        """Create a new secret and return the active ones. The previous one stays active for a day. Raises Conflict."""
        with self._database.transaction() as tx:
            if len(repository.secrets(tx, profile_id, self._clock())) >= _MAX_ACTIVE:
                raise Conflict(
                    f"The secret was changed {_MAX_ACTIVE - 1} times within a day. Try again tomorrow.",
                    code="secret_changed_too_often",
                )
            repository.replace_secret(tx, profile_id, self._clock() + _OVERLAP)
            try:
                self._add(tx, profile_id)
            except IntegrityError:
                raise Conflict(
                    "The secret is being changed by another call.", code="secret_changed_too_often"
                ) from None
        return self.active(profile_id)

    def sign(self, profile_id: str, message_id: str, moment: datetime, body: str) -> str:
        """Return the `webhook-signature` header: one signature per active secret."""
        signers = [Webhook(one.value) for one in self.active(profile_id)]
        return " ".join(signer.sign(message_id, moment, body) for signer in signers)

    def sweep(self) -> int:
        """Delete the expired secrets; returns how many."""
        with self._database.transaction() as tx:
            return repository.sweep_secrets(tx, self._clock())

    def _add(self, tx: Session, profile_id: str) -> None:
        moment = self._clock()
        tx.add(WebhookSecret(profile_id=profile_id, salt=secrets.token_hex(16), created_at=moment, expires_at=None))
        tx.flush()

    def _derive(self, row: WebhookSecret) -> SigningSecret:
        key = hmac.digest(self._key, f"{row.profile_id}:{row.salt}".encode(), hashlib.sha256)
        return SigningSecret(f"whsec_{base64.b64encode(key).decode()}", row.created_at, row.expires_at)
