"""`voxport admin credits` and `voxport admin ledger`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voxport.audit.actors import CLI
from voxport.billing.money import format_tokens, parse_tokens
from voxport.cli.common import command_gateway, data_dir_option
from voxport.cli.output import printable

if TYPE_CHECKING:
    from voxport.billing.service import Posting

_reference_option = click.option(
    "--reference", help="Your own id of this booking: the same one twice for a profile is booked once."
)


@click.group()
def credits() -> None:
    """Prepaid credits: 1 token is 1 US dollar.

    \b
    Examples:
      voxport admin credits add prof_… 250 --reference invoice-4711
      voxport admin credits refund req_…
    """


@credits.command("add", context_settings={"ignore_unknown_options": True})  # -5 is parsed as an amount, and refused
@click.argument("profile")
@click.argument("amount")
@click.option("--note", help="Why, for the ledger.")
@_reference_option
@data_dir_option
def add_credits(profile: str, amount: str, note: str | None, reference: str | None, data_dir: Path | None) -> None:
    """Give PROFILE so many tokens (AMOUNT, such as 100 or 2.5).

    \b
    Examples:
      voxport admin credits add prof_… 250 --reference invoice-4711
    """
    micro = _parse_amount(amount)
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        gateway.accounts.require_profile(tx, profile)
        posting = gateway.billing.add_credits(tx, profile, micro, note=note, reference=reference, actor=CLI)
    _print_posting(posting)


@credits.command("adjust", context_settings={"ignore_unknown_options": True})
@click.argument("profile")
@click.argument("amount")
@click.option("--note", required=True, help="Why, for the ledger.")
@_reference_option
@data_dir_option
def adjust_credits(profile: str, amount: str, note: str, reference: str | None, data_dir: Path | None) -> None:
    """Give or take so many tokens (AMOUNT, such as 2.5 or -2.5). Never less stays than is held.

    \b
    Examples:
      voxport admin credits adjust prof_… -2.5 --note "booked twice"
    """
    micro = _parse_amount(amount)
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        gateway.accounts.require_profile(tx, profile)
        posting = gateway.adjustments.adjust(tx, profile, micro, note=note, reference=reference, actor=CLI)
    _print_posting(posting)


@credits.command("refund", short_help="Give back what a call cost.")
@click.argument("call")
@click.option("--amount", help="Tokens, such as 0.5. Default: all that was not given back yet.")
@click.option("--note", help="Why, for the ledger.")
@_reference_option
@data_dir_option
def refund(call: str, amount: str | None, note: str | None, reference: str | None, data_dir: Path | None) -> None:
    """Give back what CALL cost: the id of its request (req_…) or of its charge in the ledger (led_…). Never more than
    was charged, however often.

    \b
    Examples:
      voxport admin credits refund req_…
      voxport admin credits refund led_… --amount 0.5 --note "was slow"
    """
    micro = None if amount is None else _parse_amount(amount)
    is_ledger_id = call.startswith("led_")
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        posting = gateway.adjustments.refund(
            tx,
            actor=CLI,
            request_id=None if is_ledger_id else call,
            ledger_id=call if is_ledger_id else None,
            amount=micro,
            note=note,
            reference=reference,
        )
    _print_posting(posting)


def _parse_amount(amount: str) -> int:
    try:
        return parse_tokens(amount)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="AMOUNT") from None


def _print_posting(posting: Posting) -> None:
    if posting.is_repeated:
        click.echo("this reference was booked before; nothing was booked now", err=True)
    row = posting.row
    click.echo(f"{row.profile_id} has {format_tokens(row.balance_after)} tokens")


@click.group()
def ledger() -> None:
    """The ledger of all credits and charges, and its check.

    \b
    Examples:
      voxport admin ledger verify
    """


@ledger.command("verify")
@data_dir_option
def verify_ledger(data_dir: Path | None) -> None:
    """Prove that the books are right. Exit code 1 where something is wrong.

    Every transaction sums to zero, every balance is what its entries sum to, every hold was settled once or is open for
    a call, a job or an unknown outcome that still lives, every charge has its call, and every completed job its charge.
    It may run at any time: what is under way disturbs nothing.

    \b
    Examples:
      voxport admin ledger verify || mail -s "ledger" me@example.com
    """
    with command_gateway(data_dir) as gateway:
        problems = gateway.reconciliation.verify()
    for problem in problems:
        click.echo(printable(problem))
    if problems:
        sys.exit(1)
    click.echo("ledger clean")
