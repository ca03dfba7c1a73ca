"""Journals the provider calls of one billed call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sqlalchemy.orm import Session

from voxport.billing.held_calls import HeldCall
from voxport.errors import OutcomeUnknown
from voxport.provider_calls.service import Kind, NewCall, ProviderCalls
from voxport.providers.base import Provider


@dataclass(frozen=True)
class JournaledCall:
    """A row that was written together with the hold, before the call to this provider and voice."""

    call_id: str
    provider: str
    voice_id: str


class CallJournal:
    """Journals the provider calls that one billed call makes, one at a time. Only calls to hosted providers are paid
    for and written to the journal. A `with` block that ends without `settle` leaves no row open. If it ends by
    OutcomeUnknown, the hold is kept."""

    def __init__(self, provider_calls: ProviderCalls, hold: HeldCall, written: JournaledCall | None = None) -> None:
        """`written` is the row of the first call, if it was written with the hold."""
        self._provider_calls = provider_calls
        self._hold = hold
        self._written = written
        self._call_id = written.call_id if written is not None else None
        self._is_finished = False
        self.is_voice_removed = False
        """Whether the voice created for this call has been deleted at the provider."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if isinstance(error, OutcomeUnknown):
                self.mark_unknown()
        finally:
            self.close()

    def begin(self, kind: Kind, provider: Provider, voice_id: str) -> None:
        """Write a row before a call to a hosted provider. Abandons the previous call if it is not settled. Raises
        LeaseLost if another process has taken the billed call over: then the provider must not be called."""
        written, self._written = self._written, None
        if written is not None and (written.provider, written.voice_id) == (provider.name, voice_id):
            self._hold.lease.require()
            return
        self.close()
        self.is_voice_removed = False
        if provider.capabilities().is_hosted:
            profile_id, hold_id = self._hold.call.profile_id, self._hold.hold_id
            new = NewCall(kind, provider.name, voice_id, profile_id, hold_id)
            self._call_id = self._provider_calls.begin(new, self._hold.lease)
            self._hold.lease.require()

    def require_live(self) -> None:
        """Raises ProviderTimeout if another process has taken the billed call over."""
        self._hold.require_live()

    def settle(self, tx: Session) -> None:
        """Finish the call in the transaction that charges for it."""
        if self._call_id is not None:
            self._provider_calls.finish(tx, self._call_id)
            self._is_finished = True

    def settle_if_removed(self, tx: Session) -> None:
        """Like `settle`, unless a voice still has to be deleted at the provider."""
        if self.is_voice_removed:
            self.settle(tx)

    def mark_unknown(self) -> None:
        """Record that the outcome of the call is unknown, and keep the hold."""
        if self._call_id is not None:
            self._provider_calls.mark_unknown(self._call_id)
            self._hold.leave_open()
            self._call_id = None

    def close(self) -> None:
        """Abandon the current call if it is not settled."""
        if self._is_finished and self._hold.is_settled:  # the charge was committed
            self._call_id = None
        if self._call_id is not None:
            self._provider_calls.abandon(self._call_id, is_removed=self.is_voice_removed)
            self._call_id = None
