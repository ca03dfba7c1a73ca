"""Billing: reserves a price before the work, and settles it exactly once after it.

A hold is created in the transaction that records the call or queues the job, and settled in the one that records the
result. Functions that take a `tx` run in the caller's transaction and never commit.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

from sqlalchemy.orm import Session

from voxport.accounts.service import require_active
from voxport.audit.service import GATEWAY, Action, Actor, record
from voxport.billing import money, repository
from voxport.billing.clone_quota import NO_LIMITS, CloneLimits
from voxport.billing.models import Hold, LedgerTransaction
from voxport.catalog import Catalog, ServiceName
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Conflict, InsufficientCredits, Invalid, NotFound
from voxport.ids import new_id
from voxport.paging import Page, build_page, decode_cursor

PostingKind = Literal["credit", "adjust", "refund"]
_log = logging.getLogger("voxport.billing")


@dataclass(frozen=True)
class Funds:
    """A profile's credits in micro-tokens; `balance` is the part that it can still spend."""

    credits: int
    held: int

    @property
    def balance(self) -> int:
        return self.credits - self.held


@dataclass(frozen=True)
class Settlement:
    """The cost of a call and the balance after it, in micro-tokens."""

    cost: int
    balance: int


@dataclass(frozen=True)
class RequestCost:
    """The hold of one request, and the charged micro-units (None if nothing was charged)."""

    hold: Hold
    micro_units: int | None


class BalanceListener(Protocol):
    """Warns customers whose credits run low. Methods are called in the transaction that changes a balance, with the new
    balance in micro-tokens."""

    def on_spent(self, tx: Session, profile_id: str, balance: int) -> None: ...

    def on_credited(self, tx: Session, profile_id: str, balance: int) -> None: ...


@dataclass(frozen=True)
class Posting:
    """A movement that an operator booked; `is_repeated` if its reference was booked before."""

    row: LedgerTransaction
    is_repeated: bool


class Billing:
    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        listener: BalanceListener,
        clone_limits: CloneLimits = NO_LIMITS,
        top_up: str = "Ask the operator for more.",
    ) -> None:
        """`top_up` is the advice for callers without credits; `{profile_id}` in it is replaced by the caller's."""
        self._top_up = top_up
        self._database = database
        self._catalog = catalog
        self._listener = listener
        self._clone_limits = clone_limits

    def price(self, service: ServiceName, units: Decimal) -> int:
        """Return the price of `units` in micro-tokens, rounded half up."""
        return money.to_micro(self._catalog.price(service) * units)

    def hold(
        self,
        tx: Session,
        *,
        profile_id: str,
        service: ServiceName,
        amount: int,
        request_id: str,
        job_id: str | None = None,
        owner: str | None = None,
        key_id: str | None = None,
        voice_id: str | None = None,
    ) -> str:
        """Reserve `amount` micro-tokens for a job, or for a call that the process `owner` serves. Returns the hold's
        id. Reserves nothing if it raises InsufficientCredits, RateLimited (too many clones), Forbidden or
        Unauthenticated (see require_active)."""
        sums = repository.reserve(tx, profile_id, amount)
        if sums is None:
            repository.ensure_balance(tx, profile_id)
            sums = repository.reserve(tx, profile_id, amount)
        if sums is None:
            balance = self.funds(tx, profile_id).balance
            raise InsufficientCredits(
                f"This call needs {money.format_tokens(amount)} tokens and "
                f"the balance is {money.format_tokens(balance)}. " + self._top_up.replace("{profile_id}", profile_id),
                details={"needed": money.json_number(amount), "balance": money.json_number(balance)},
            )
        # `reserve` has locked the balance's row until the end of the transaction, so the counts below can't change.
        # A call without enough credits locks nothing, so a thousand of them don't wait for each other.
        require_active(tx, profile_id)
        self._clone_limits.require(tx, profile_id, service)
        hold_id = new_id("hold")
        repository.add_hold(
            tx,
            id=hold_id,
            profile_id=profile_id,
            service=service,
            request_id=request_id,
            job_id=job_id,
            owner=owner,
            key_id=key_id,
            voice_id=voice_id,
            amount=amount,
            created_at=now(),
        )
        self._listener.on_spent(tx, profile_id, sums.credits - sums.held)
        return hold_id

    def capture(self, tx: Session, hold_id: str, *, units: Decimal) -> Settlement:
        """Charge the used units, at most the held amount. Returns the charge and the balance after it.

        Raises AlreadySettled if the hold was captured or released before: the work must not be delivered then.
        """
        hold = self._require(tx, hold_id)
        amount = min(self.price(hold.service, units), hold.amount)
        if not repository.settle_hold(tx, hold_id, "captured", amount, now()):
            raise AlreadySettled(hold_id)
        after = repository.update_balance(tx, hold.profile_id, credits=-amount, held=-hold.amount)
        self._record(tx, hold.profile_id, "capture", -amount, after.credits, hold=hold, units=units)
        balance = after.credits - after.held
        self._listener.on_spent(tx, hold.profile_id, balance)
        return Settlement(amount, balance)

    def release(self, tx: Session, hold_id: str) -> bool:
        """Release a hold; False if it was settled before."""
        hold = self._require(tx, hold_id)
        if not repository.settle_hold(tx, hold_id, "released", 0, now()):
            return False
        repository.update_balance(tx, hold.profile_id, credits=0, held=-hold.amount)
        return True

    def release_returning_amount(self, tx: Session, hold_id: str) -> int:
        """Release a hold. Returns the released micro-tokens, 0 if it was settled before."""
        return self._require(tx, hold_id).amount if self.release(tx, hold_id) else 0

    def find_lost(self, tx: Session, profile_id: str, hold_id: str) -> bool:
        """Return whether a hold was committed whose commit was not answered. Waits until its transaction has ended,
        which has locked the balance as well."""
        repository.lock_balance(tx, profile_id)
        return repository.hold(tx, hold_id) is not None

    def lock_balance(self, tx: Session, profile_id: str) -> None:
        """Let no other transaction hold or charge credits of the profile until this one ends."""
        repository.lock_balance(tx, profile_id)

    def state_of(self, tx: Session, hold_id: str) -> str:
        """Return the state of a hold: `open`, `captured` or `released`."""
        return self._require(tx, hold_id).state

    def detach_owner(self, tx: Session, hold_id: str) -> None:
        """Detach a hold from its process, so that it is not released when the process dies."""
        repository.detach_owner(tx, hold_id)

    def owners_of_open_holds(self) -> list[str]:
        """Return the processes, alive or dead, that own open holds."""
        with self._database.snapshot() as tx:
            return list(repository.owners_of_open_holds(tx))

    def release_all_of(self, owner: str) -> int:
        """Release the holds of a dead process, each in its own transaction. Returns how many were released; raises the
        last error if any can't be released."""
        released, failure = 0, None
        with self._database.snapshot() as tx:
            hold_ids = [hold.id for hold in repository.open_holds_of(tx, owner)]
        for hold_id in hold_ids:
            try:
                with self._database.transaction() as tx:
                    released += self.release(tx, hold_id)
            except Exception as error:
                _log.exception("a hold can't be released", extra={"hold_id": hold_id})
                failure = error
        if failure is not None:
            raise failure
        return released

    def add_credits(
        self,
        tx: Session,
        profile_id: str,
        amount: int,
        *,
        note: str | None = None,
        reference: str | None = None,
        actor: Actor = GATEWAY,
    ) -> Posting:
        """Add `amount` > 0 micro-tokens to a profile, once per `reference`. Raises Invalid, Conflict."""
        if amount <= 0:
            raise Invalid("An amount of credits is more than zero.")
        return self.post_adjustment(tx, profile_id, "credit", amount, note=note, reference=reference, actor=actor)

    def post_adjustment(
        self,
        tx: Session,
        profile_id: str,
        kind: PostingKind,
        amount: int,
        *,
        note: str | None,
        reference: str | None,
        actor: Actor,
        charge: LedgerTransaction | None = None,
    ) -> Posting:
        """Book a credit, adjustment or refund by an operator. Raises Invalid if the credits would be less than the held
        amount or more than the maximum, Conflict if the reference was used for another booking."""
        repository.ensure_balance(tx, profile_id)
        repository.lock_balance(tx, profile_id)
        refund_of = charge.id if charge else None
        found = repository.find_by_reference(tx, profile_id, reference) if reference is not None else None
        if found is not None:
            if (found.kind, found.tokens, found.refund_of) != (kind, amount, refund_of):
                raise reference_conflict()
            return Posting(found, is_repeated=True)
        after = repository.add_credits(tx, profile_id, amount, money.to_micro(Decimal(money.MAX_TOKENS)))
        if after is None:
            funds = self.funds(tx, profile_id)
            raise Invalid(
                f"A profile holds at most {money.MAX_TOKENS:,} tokens."
                if amount > 0
                else f"The profile can give {money.format_tokens(funds.balance)} tokens at most: what is held stays."
            )
        ledger_id = self._record(tx, profile_id, kind, amount, after, note=note, reference=reference, charge=charge)
        action: Action = f"credit.{kind}"  # type: ignore[assignment]  # one of three
        record(tx, action, actor=actor, profile_id=profile_id, subject=ledger_id, tokens=money.format_tokens(amount))
        notify = self._listener.on_credited if amount > 0 else self._listener.on_spent
        notify(tx, profile_id, self.funds(tx, profile_id).balance)
        return Posting(repository.transaction(tx, ledger_id), is_repeated=False)

    def open_holds(self, profile_id: str) -> int:
        """Return how many calls and jobs of a profile are not settled yet."""
        with self._database.snapshot() as tx:
            return repository.count_open_holds(tx, profile_id)

    def funds(self, tx: Session, profile_id: str) -> Funds:
        row = repository.balance(tx, profile_id)
        return Funds(row.credits, row.held) if row else Funds(0, 0)

    def read_funds(self, profile_id: str) -> Funds:
        with self._database.snapshot() as tx:
            return self.funds(tx, profile_id)

    def ledger(self, profile_id: str, *, limit: int, cursor: str | None) -> Page[LedgerTransaction]:
        """Return a page of the profile's movements, newest first."""
        with self._database.snapshot() as tx:
            rows = repository.ledger_page(tx, profile_id, decode_cursor(cursor), limit + 1)
        return build_page(list(rows), limit, lambda row: row.sequence)

    def request_cost(self, profile_id: str, request_id: str) -> RequestCost:
        """Return the cost or the hold of a request of the profile. Raises NotFound."""
        with self._database.snapshot() as tx:
            found = repository.request_cost(tx, profile_id, request_id)
        if found is None:
            raise NotFound(
                "There is no such billed request of yours. Its id is the X-Gateway-Request-ID of the answer.",
                code="request_not_found",
            )
        return RequestCost(*found)

    def _require(self, tx: Session, hold_id: str) -> repository.HeldAmount:
        hold = repository.hold(tx, hold_id)
        if hold is None:
            raise LookupError(f"hold {hold_id} is not there")
        return hold

    def _record(
        self,
        tx: Session,
        profile_id: str,
        kind: str,
        tokens: int,
        balance_after: int,
        *,
        hold: repository.HeldAmount | None = None,
        units: Decimal | None = None,
        note: str | None = None,
        reference: str | None = None,
        charge: LedgerTransaction | None = None,
    ) -> str:
        """Write a movement and return its id. `charge` is the charge that a refund refers to."""
        call, ledger_id = hold or charge, new_id("led")
        repository.add_transaction(
            tx,
            account=f"customer:{profile_id}",
            counterpart="revenue" if kind in ("capture", "refund") else "issued",
            id=ledger_id,
            profile_id=profile_id,
            created_at=now(),
            kind=kind,
            service=call.service if call else None,
            request_id=call.request_id if call else None,
            job_id=call.job_id if call else None,
            hold_id=hold.id if hold else None,
            micro_units=charge.micro_units if charge else None if units is None else int(units * money.MICRO),
            tokens=tokens,
            balance_after=balance_after,
            note=note,
            reference=reference,
            refund_of=charge.id if charge else None,
        )
        return ledger_id


class AlreadySettled(Exception):
    """The hold was settled before. The result of the call must not be delivered as if it were paid."""


def reference_conflict() -> Conflict:
    return Conflict(
        "This reference was used for another booking of the profile. Nothing was booked; choose a new one.",
        code="reference_taken",
    )
