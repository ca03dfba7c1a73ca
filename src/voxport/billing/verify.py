"""Checks the ledger's internal consistency, for `voxport admin ledger verify`."""

from __future__ import annotations

from sqlalchemy.orm import Session

from voxport.billing import repository
from voxport.billing.money import format_tokens
from voxport.db.session import Database


def verify(database: Database) -> list[str]:
    """Return every violation of the ledger's rules; an empty list means none."""
    with database.snapshot(is_long=True) as tx:
        return find_problems(tx)


def find_problems(tx: Session) -> list[str]:
    """Return every violation of the ledger's rules, as a sentence that names the row. Rules that involve other packages
    are checked in `voxport.reconciliation`."""
    problems = [
        f"transaction {transaction_id}: its entries sum to {format_tokens(total)}, not zero, "
        "or there are fewer than two"
        for transaction_id, total in repository.unbalanced_transactions(tx)
    ]
    problems += [
        f"transaction {transaction_id}: an entry is not what its kind, its profile and its amount say"
        for transaction_id in repository.misposted_transactions(tx)
    ]
    problems += [
        f"transaction {transaction_id}: it is no refund of a charge of its profile"
        for transaction_id in repository.orphaned_refunds(tx)
    ]
    problems += [
        f"hold {hold_id}: it says that {format_tokens(recorded)} was refunded, "
        f"and the ledger refunded {format_tokens(booked)}"
        for hold_id, recorded, booked in repository.mismatched_refunds(tx)
    ]
    problems += [
        f"transaction {transaction_id}: it says {format_tokens(recorded)} after it, "
        f"and all up to it sum to {format_tokens(s)}"
        for transaction_id, recorded, s in repository.wrong_balances_after(tx)
    ]
    accounts = repository.account_totals(tx)
    if sum(accounts.values()):
        problems.append(f"all accounts together sum to {format_tokens(sum(accounts.values()))}, not zero")
    movements = repository.transaction_totals(tx)
    held = repository.open_hold_totals(tx)
    balances = {row.profile_id: row for row in repository.balances(tx)}
    for profile_id in sorted({*movements, *held} - set(balances)):
        problems.append(f"profile {profile_id}: it has movements or holds but no balance")
    for profile_id, row in balances.items():
        if row.credits != accounts.get(f"customer:{profile_id}", 0):
            problems.append(
                f"profile {profile_id}: credits {format_tokens(row.credits)} are not what its entries sum to"
            )
        if row.credits != movements.get(profile_id, 0):
            problems.append(
                f"profile {profile_id}: credits {format_tokens(row.credits)} are not what its movements sum to"
            )
        if row.held != held.get(profile_id, 0):
            problems.append(f"profile {profile_id}: held {format_tokens(row.held)} is not what its open holds sum to")
    for hold_id, state, captured, charged in repository.mismatched_holds(tx):
        shown = "nothing" if charged is None else format_tokens(-charged)
        problems.append(f"hold {hold_id}: it is {state} with {format_tokens(captured)}, and the ledger charged {shown}")
    problems += [
        f"hold {hold_id}: it is {state}, which does not go with what it captured or when it was settled"
        for hold_id, state in repository.inconsistent_holds(tx)
    ]
    problems += [
        f"transaction {transaction_id}: it is a charge, and there is no hold of the same profile and call"
        for transaction_id in repository.orphaned_charges(tx)
    ]
    problems += [
        f"request {request_id}: {format_tokens(refunded)} were refunded of the {format_tokens(charged)} that it cost"
        for request_id, refunded, charged in repository.excessive_refunds(tx)
    ]
    return problems
