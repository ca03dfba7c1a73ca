"""`voxport admin usage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from voxport.cli.common import command_gateway, data_dir_option
from voxport.cli.output import json_option, print_csv, print_table

if TYPE_CHECKING:
    from voxport.billing.usage import GroupBy


@click.command("usage", short_help="What a profile was charged, or all of them.")
@click.argument("profile", required=False)
@click.option("--by", type=click.Choice(["service", "day", "voice", "key"]), default="service", show_default=True)
@click.option("--from", "begin", metavar="DATE", help="From this day or moment on, in UTC.")
@click.option("--to", "end", metavar="DATE", help="Up to this day or moment, which is not part of it.")
@click.option("--csv", "is_csv", is_flag=True, help="As CSV instead of a table.")
@data_dir_option
@json_option
def usage_of_profiles(
    profile: str | None, by: str, begin: str | None, end: str | None, is_csv: bool, data_dir: Path | None
) -> None:
    """What PROFILE was charged, or each of the profiles: calls, units and tokens by service, day, voice or key.

    A DATE is 2026-04-27 or 2026-04-27T10:30:00Z. What was refunded is not counted; `-` are calls without a voice or
    key.

    \b
    Examples:
      voxport admin usage
      voxport admin usage prof_… --by day --from 2026-04-01 --to 2026-05-01 --csv
    """
    from voxport.billing.usage import COLUMNS, format_row, parse_period, to_csv, usage

    period = parse_period(begin, end)
    with command_gateway(data_dir) as gateway:
        if profile is not None:
            with gateway.database.snapshot() as tx:
                gateway.accounts.require_profile(tx, profile)
        rows = usage(gateway.database, profile, group_by=cast("GroupBy", by), period=period)
    header, lines = ("profile", by, *COLUMNS[1:]), [(row.profile_id, *format_row(row)) for row in rows]
    if is_csv:
        print_csv(to_csv([header, *lines]))
        return
    print_table([name.upper() for name in header], [[cell or "-" for cell in line] for line in lines])
