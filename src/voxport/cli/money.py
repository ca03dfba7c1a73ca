"""`voxport credits` and `voxport ledger`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from voxport.billing.money import header, parse_tokens
from voxport.cli.common import data_dir_option, opened


@click.group()
def credits() -> None:
    """Prepaid credits: 1 token is 1 US dollar."""


@credits.command("add", context_settings={"ignore_unknown_options": True})  # -5 is an amount, if a bad one
@click.argument("profile")
@click.argument("amount")
@click.option("--note", help="Why, for the ledger.")
@data_dir_option
def add_credits(profile: str, amount: str, note: str | None, data_dir: Path | None) -> None:
    """Give PROFILE so many tokens (AMOUNT, such as 100 or 2.5)."""
    try:
        micro = parse_tokens(amount)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="AMOUNT") from None
    with opened(data_dir) as gateway, gateway.database.transaction() as tx:
        gateway.accounts.require_profile(tx, profile)
        after = gateway.billing.add_credits(tx, profile, micro, note=note)
    click.echo(f"{profile} has {header(after)} tokens")


@click.group()
def ledger() -> None:
    """The books."""


@ledger.command("verify")
@data_dir_option
def verify_ledger(data_dir: Path | None) -> None:
    """Prove that the books are right. Exit code 1 where something is wrong.

    Every transaction sums to zero, every balance is what its entries sum to, every hold was settled once or is open for
    a call, a job or an unknown outcome that still lives, every charge has its call, and every completed job its charge.
    It may run at any time: what is under way disturbs nothing.
    """
    with opened(data_dir) as gateway:
        problems = gateway.books.verify()
    for problem in problems:
        click.echo(problem)
    if problems:
        sys.exit(1)
    click.echo("ledger clean")
