"""Corrections by an operator: manual adjustments of a balance, and refunds of charges."""

from __future__ import annotations

from sqlalchemy.orm import Session

from voxport.audit.service import Actor
from voxport.billing import repository
from voxport.billing.money import format_tokens
from voxport.billing.service import Billing, Posting, reference_conflict
from voxport.errors import Conflict, Invalid, NotFound


class Adjustments:
    """Adjusts balances and refunds charges. Methods run in the caller's transaction and never commit. A repeated
    `reference` is booked only once."""

    def __init__(self, billing: Billing) -> None:
        self._billing = billing

    def adjust(
        self, tx: Session, profile_id: str, amount: int, *, note: str, actor: Actor, reference: str | None = None
    ) -> Posting:
        """Add `amount` (may be negative) micro-tokens; `note` is the reason. The credits never fall below what is held.
        Raises Invalid, Conflict."""
        if not note.strip():
            raise Invalid("An adjustment needs a note that says why.")
        if amount == 0:
            raise Invalid("An adjustment of nothing is none.")
        return self._billing.post_adjustment(
            tx, profile_id, "adjust", amount, note=note, reference=reference, actor=actor
        )

    def refund(
        self,
        tx: Session,
        *,
        actor: Actor,
        request_id: str | None = None,
        ledger_id: str | None = None,
        amount: int | None = None,
        note: str | None = None,
        reference: str | None = None,
    ) -> Posting:
        """Refund `amount` micro-tokens of a call's cost, by default all that is not yet refunded. Raises NotFound,
        Invalid, or Conflict if the refunds would exceed the charge."""
        if (request_id is None) == (ledger_id is None):
            raise Invalid("Name the call by its request id or by the id of its charge in the ledger, one of the two.")
        found = repository.find_charge(tx, request_id=request_id, ledger_id=ledger_id)
        if found is None:
            raise NotFound("There is no such charge. Calls that cost nothing have none.", code="charge_not_found")
        charge = found[0]
        repository.lock_balance(tx, charge.profile_id)
        earlier = repository.find_by_reference(tx, charge.profile_id, reference) if reference is not None else None
        if earlier is not None:
            if earlier.refund_of != charge.id or amount not in (None, earlier.tokens):
                raise reference_conflict()
            return Posting(earlier, is_repeated=True)
        hold = repository.hold(tx, found[1].id)
        assert hold is not None
        rest = hold.captured - hold.refunded
        amount = rest if amount is None else amount
        if amount <= 0 and rest > 0:
            raise Invalid("A refund is more than zero.")
        if amount <= 0 or not repository.add_refund(tx, hold.id, amount):
            raise Conflict(
                f"Of this call {format_tokens(rest)} tokens can be given back at most; "
                f"{format_tokens(hold.refunded)} were already.",
                code="refund_too_large",
            )
        return self._billing.post_adjustment(
            tx, charge.profile_id, "refund", amount, note=note, reference=reference, actor=actor, charge=charge
        )
