"""`voxport usage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from voxport.cli.admin.usage import usage_of_profiles
from voxport.cli.connection import Choice, connect, gateway_options
from voxport.cli.groups import hint_moved
from voxport.cli.output import is_json, note, print_csv, print_json, print_table, tokens

if TYPE_CHECKING:
    from voxport_client import UsageGroupBy


@click.command("usage", short_help="Show what you were charged, and your balance.")
@click.argument("profile", required=False)
@click.option("--by", type=click.Choice(["service", "day", "voice", "key"]), default="service", show_default=True)
@click.option("--from", "begin", metavar="DATE", help="From this day or moment on, in UTC.")
@click.option("--to", "end", metavar="DATE", help="Up to this day or moment, which is not part of it.")
@click.option("--csv", "is_csv", is_flag=True, help="As CSV instead of a table.")
@gateway_options
@click.pass_context
def usage_command(
    context: click.Context,
    profile: str | None,
    by: UsageGroupBy,
    begin: str | None,
    end: str | None,
    is_csv: bool,
    choice: Choice,
) -> None:
    """Show what you were charged, and your balance: calls, units and tokens by service, day, voice or key.

    A DATE is 2026-04-27 or 2026-04-27T10:30:00Z. What was refunded is not counted. An operator sees all customers with
    `voxport admin usage`.

    \b
    Examples:
      voxport usage
      voxport usage --by day --from 2026-11-01
      voxport usage --by voice --csv > november.csv
    """
    if profile is not None:  # the operator's command had this name
        hint_moved("usage PROFILE", "admin usage PROFILE")
        context.invoke(
            usage_of_profiles,
            profile=profile,
            by=by,
            begin=begin,
            end=end,
            is_csv=is_csv,
            data_dir=choice.data_dir,
        )
        return
    with connect(choice) as connection:
        billing = connection.client.billing
        if is_csv:
            print_csv(billing.usage_csv(group_by=by, begin=begin, end=end))
            return
        rows = billing.usage(group_by=by, begin=begin, end=end)
        balance = billing.balance()
    if is_json():
        print_json({"usage": rows, "balance": balance})
        return
    print_table(
        (by.upper(), "CALLS", "UNITS", "TOKENS"),
        [(row.group or "-", f"{row.calls}", f"{row.units:g}", tokens(row.tokens)) for row in rows],
    )
    held = f"; {tokens(balance.held)} more are held for calls under way" if balance.held else ""
    note(f"Balance: {tokens(balance.balance)} tokens{held}.")
