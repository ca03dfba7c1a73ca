"""The proof that the ledger is right in itself, for `voxport ledger verify`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from voxport.billing import repository
from voxport.billing.money import header
from voxport.db.session import Database


def verify(database: Database) -> list[str]:
    """Every rule of the ledger that is broken; an empty list is clean."""
    with database.snapshot() as tx:
        return broken_rules(tx)


def broken_rules(tx: Session) -> list[str]:
    """Every rule of the ledger that is broken, as a sentence that names the row. The rules that other rooms have a
    part in are `voxport.books`'."""
    problems = [
        f"transaction {transaction_id}: its entries sum to {header(total)}, not zero, or there are fewer than two"
        for transaction_id, total in repository.unbalanced_transactions(tx)
    ]
    problems += [
        f"transaction {transaction_id}: an entry is not what its kind, its profile and its amount say"
        for transaction_id in repository.misbooked_transactions(tx)
    ]
    problems += [
        f"transaction {transaction_id}: it is no refund of a charge of its profile"
        for transaction_id in repository.refunds_of_nothing(tx)
    ]
    problems += [
        f"hold {hold_id}: it says that {header(said)} was refunded, and the ledger refunded {header(booked)}"
        for hold_id, said, booked in repository.refunds_that_disagree(tx)
    ]
    problems += [
        f"transaction {transaction_id}: it says {header(said)} after it, and all up to it sum to {header(s)}"
        for transaction_id, said, s in repository.wrong_balances_after(tx)
    ]
    accounts = repository.account_totals(tx)
    if sum(accounts.values()):
        problems.append(f"all accounts together sum to {header(sum(accounts.values()))}, not zero")
    movements = repository.transaction_totals(tx)
    held = repository.open_hold_totals(tx)
    balances = {row.profile_id: row for row in repository.balances(tx)}
    for profile_id in sorted({*movements, *held} - set(balances)):
        problems.append(f"profile {profile_id}: it has movements or holds but no balance")
    for profile_id, row in balances.items():
        if row.credits != accounts.get(f"customer:{profile_id}", 0):
            problems.append(f"profile {profile_id}: credits {header(row.credits)} are not what its entries sum to")
        if row.credits != movements.get(profile_id, 0):
            problems.append(f"profile {profile_id}: credits {header(row.credits)} are not what its movements sum to")
        if row.held != held.get(profile_id, 0):
            problems.append(f"profile {profile_id}: held {header(row.held)} is not what its open holds sum to")
    for hold_id, state, captured, charged in repository.holds_that_disagree(tx):
        shown = "nothing" if charged is None else header(-charged)
        problems.append(f"hold {hold_id}: it is {state} with {header(captured)}, and the ledger charged {shown}")
    problems += [
        f"hold {hold_id}: it is {state}, which does not go with what it captured or when it was settled"
        for hold_id, state in repository.misstated_holds(tx)
    ]
    problems += [
        f"transaction {transaction_id}: it is a charge, and there is no hold of the same profile and call"
        for transaction_id in repository.charges_without_their_call(tx)
    ]
    problems += [
        f"request {request_id}: {header(refunded)} were refunded of the {header(charged)} that it cost"
        for request_id, refunded, charged in repository.refunds_over_their_charge(tx)
    ]
    return problems
