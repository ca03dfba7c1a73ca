"""The paid calls of one billed call, written down while they are made."""

from __future__ import annotations

from typing import Self

from sqlalchemy.orm import Session

from voxport.billing.held_calls import HeldCall
from voxport.errors import OutcomeUnknown
from voxport.provider_calls.service import Kind, NewCall, ProviderCalls
from voxport.providers.base import Provider


class CallJournal:
    """The provider calls that one billed call makes, one after the other. Those at hosted providers are paid for and
    written down; others are not. A block that ends without `settle` leaves no intent open, and where it ends by
    OutcomeUnknown the hold is kept."""

    def __init__(self, provider_calls: ProviderCalls, hold: HeldCall) -> None:
        self._provider_calls = provider_calls
        self._hold = hold
        self._call_id: str | None = None
        self._is_finished = False
        self.is_voice_removed = False
        """Whether the voice that was made for the call is gone again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if isinstance(error, OutcomeUnknown):
                self.mark_unknown()
        finally:
            self.close()

    def begin(self, kind: Kind, provider: Provider, voice_id: str) -> None:
        """Before a call, which is paid for at a hosted provider; what was begun before it came to nothing."""
        self.close()
        self.is_voice_removed = False
        if provider.capabilities().is_hosted:
            profile_id, hold_id = self._hold.call.profile_id, self._hold.hold_id
            self._call_id = self._provider_calls.begin(NewCall(kind, provider.name, voice_id, profile_id, hold_id))

    def settle(self, tx: Session) -> None:
        """It was done and is being charged."""
        if self._call_id is not None:
            self._provider_calls.finish(tx, self._call_id)
            self._is_finished = True

    def settle_if_removed(self, tx: Session) -> None:
        """Likewise, unless a voice is still to be removed."""
        if self.is_voice_removed:
            self.settle(tx)

    def mark_unknown(self) -> None:
        """Nobody knows what became of it: the hold is kept."""
        if self._call_id is not None:
            self._provider_calls.mark_unknown(self._call_id)
            self._hold.leave_open()
            self._call_id = None

    def close(self) -> None:
        """What was begun and is not settled came to nothing."""
        if self._is_finished and self._hold.is_settled:  # the transaction of the charge held
            self._call_id = None
        if self._call_id is not None:
            self._provider_calls.abandon(self._call_id, is_removed=self.is_voice_removed)
            self._call_id = None
