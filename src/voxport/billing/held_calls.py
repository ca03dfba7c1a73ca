"""Billed calls: the price is held before the work, captured after it, and released if anything fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.service import AlreadySettled, Billing, Settlement
from voxport.catalog import ServiceName
from voxport.db.lease import Lease, LeaseLost, Leases
from voxport.db.session import Database
from voxport.db.transient_errors import CommitLost
from voxport.errors import ProviderTimeout
from voxport.sweeps.service import Sweeps

_RETRY_SECONDS = 5.0
_log = logging.getLogger("voxport.billing")


@dataclass(frozen=True)
class BilledCall:
    """Who makes a call, and for which service. `key_id` and `voice_id` are for the usage report; `voice_id` is None for
    a voice that is not stored."""

    profile_id: str
    service: ServiceName
    request_id: str
    claim: Claim = NO_CLAIM
    key_id: str | None = None
    voice_id: str | None = None


class HeldCalls:
    """Holds prices for calls, and releases the holds of dead processes. `leases` tell which processes are alive."""

    def __init__(
        self, database: Database, billing: Billing, leases: Leases, *, retry_seconds: float = _RETRY_SECONDS
    ) -> None:
        """`retry_seconds` is the pause before a failed release is retried."""
        self._database = database
        self._billing = billing
        self._leases = leases
        self._retry_seconds = retry_seconds
        self._sweeps = Sweeps(database)
        self._lease: Lease | None = None
        self._lock = threading.Lock()

    def hold(
        self,
        call: BilledCall,
        *,
        units: Decimal,
        in_same_tx: Callable[[Session, str], None] | None = None,
        undo: Callable[[], None] = lambda: None,
    ) -> HeldCall:
        """Hold the price of `units`; `in_same_tx` runs in the same transaction, with the hold's id. Do the work in the
        `with` block of the returned call; a call that never enters its block must be released. Raises
        InsufficientCredits, LeaseLost while this process has to take a new lease, and CommitLost: then the hold is
        released if it is there, and `undo` removes what `in_same_tx` has written."""
        lease, hold_id = self.lease, ""
        try:
            with self._database.transaction(fence=lease) as tx:
                hold_id = self._billing.hold(
                    tx,
                    profile_id=call.profile_id,
                    service=call.service,
                    amount=self._billing.price(call.service, units),
                    request_id=call.request_id,
                    owner=lease.name,
                    key_id=call.key_id,
                    voice_id=call.voice_id,
                )
                call.claim.open(tx, hold_id)
                if in_same_tx is not None:
                    in_same_tx(tx, hold_id)
        except CommitLost:
            self._undo_hold(call.profile_id, hold_id, lease, undo)
            raise
        return HeldCall(self._database, self._billing, call, hold_id, lease, self._release)

    def release_abandoned(
        self, more_owners: Iterable[str] = (), on_dead_owner: Callable[[str], None] = lambda _: None
    ) -> int:
        """Release the holds of calls whose process died, and return their number. Checks the owners of open holds and
        `more_owners`, and calls `on_dead_owner` with each owner that is dead."""
        released = 0

        def release(owner: str) -> None:
            nonlocal released
            lease = self._leases.try_take_over(owner)
            if lease is None:
                return
            with lease:
                on_dead_owner(owner)
                released += self._billing.release_all_of(owner)

        owners = sorted({*self._billing.owners_of_open_holds(), *more_owners})
        self._sweeps.process("dead_processes", owners, lambda owner: owner, release)
        return released

    def _release(self, hold_id: str, lease: Lease) -> None:
        """Release a hold, retrying until the database accepts it: no other process releases the holds of a live one."""
        try:
            with self._database.transaction(fence=lease) as tx:
                self._billing.release(tx, hold_id)
        except LeaseLost:
            _log.warning("a hold is left to the process that took it over", extra={"hold_id": hold_id})
        except DBAPIError:
            _log.exception("a hold could not be given back; trying again", extra={"hold_id": hold_id})
            self._retry(self._release, hold_id, lease)

    def _undo_hold(self, profile_id: str, hold_id: str, lease: Lease, undo: Callable[[], None]) -> None:
        """Release a hold whose commit was not answered, and undo what was written with it, if it was committed. Retries
        until the database says so: the server may still be at the commit when the connection has ended."""
        try:
            with self._database.transaction(fence=lease) as tx:
                is_found = self._billing.find_lost(tx, profile_id, hold_id)
                if is_found:
                    self._billing.release(tx, hold_id)
            if is_found:
                undo()
        except LeaseLost:
            _log.warning("a hold is left to the process that took it over", extra={"hold_id": hold_id})
        except DBAPIError:
            _log.exception("a hold could not be looked for; trying again", extra={"hold_id": hold_id})
            self._retry(self._undo_hold, profile_id, hold_id, lease, undo)

    def _retry(self, call: Callable[..., None], *arguments: object) -> None:
        timer = threading.Timer(self._retry_seconds, call, arguments)
        timer.daemon = True
        timer.start()

    @property
    def lease(self) -> Lease:
        """The lease that owns this process's calls, which is held until the process ends, even by a kill. A new one
        after the last one was lost."""
        with self._lock:
            if self._lease is None or self._lease.is_lost:
                self._lease = self._leases.acquire_own("calls")
            return self._lease


class HeldCall:
    """A call whose price is held. The hold is released if the `with` block ends without `capture` or `leave_open`."""

    def __init__(
        self,
        database: Database,
        billing: Billing,
        call: BilledCall,
        hold_id: str,
        lease: Lease,
        release: Callable[[str, Lease], None],
    ) -> None:
        """`lease` owns the hold."""
        self.lease = lease
        self._release = release
        self._database = database
        self._billing = billing
        self.call = call
        self.hold_id = hold_id
        self.is_settled = False
        self.may_be_charged = False
        """Whether the commit of its charge was not answered: then nothing of the call may be removed."""

    def __enter__(self) -> HeldCall:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.is_settled:
            self.release()

    def release(self) -> None:
        """Release the hold: the call failed. A charge that was committed stays."""
        self.is_settled = True
        if not self.may_be_charged:
            self.call.claim.abandon()
        self._release(self.hold_id, self.lease)

    def require_live(self) -> None:
        """Raises ProviderTimeout if another process has taken the call over, and released or kept its hold."""
        if self.lease.is_lost:
            raise _given_up()

    def leave_open(self) -> None:
        """Leave the hold open: the outcome of the work is unknown, and the hold is settled elsewhere."""
        self.is_settled = True

    def capture(self, *, units: Decimal, in_same_tx: Callable[[Session, Settlement], None] | None = None) -> Settlement:
        """Charge the used units; `in_same_tx` runs in the same transaction. Raises ProviderTimeout if the hold was
        released because the call took too long, or because another process took it over: then nothing is charged, and
        nothing may be delivered; CommitLost."""
        try:
            with self._database.transaction(fence=self.lease) as tx:
                settled = self._billing.capture(tx, self.hold_id, units=units)
                if in_same_tx is not None:
                    in_same_tx(tx, settled)
        except (AlreadySettled, LeaseLost):
            raise _given_up() from None
        except CommitLost:
            self.may_be_charged = True
            raise
        self.is_settled = True
        return settled


def _given_up() -> ProviderTimeout:
    return ProviderTimeout("The call took too long and was given up. Nothing was charged.")
