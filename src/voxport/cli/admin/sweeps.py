"""`voxport admin sweeps`."""

from __future__ import annotations

from pathlib import Path

import click

from voxport.cli.common import command_gateway, data_dir_option
from voxport.cli.output import json_option, print_table
from voxport.clock import iso


@click.command(short_help="Clean-ups that failed, and when each is tried again.")
@click.option("--again", is_flag=True, help="End the pauses: the worker tries everything within a minute.")
@data_dir_option
@json_option
def sweeps(data_dir: Path | None, again: bool) -> None:
    """What the worker could not tidy up yet, and when it tries again; the oldest first.

    Each item is retried for itself, after pauses that grow to six hours. The log has the whole error.

    \b
    Examples:
      voxport admin sweeps
      voxport admin sweeps --again
    """
    with command_gateway(data_dir) as gateway:
        if again:
            gateway.sweeps.clear_pauses()
        rows = gateway.sweeps.failures()
    print_table(
        ("SINCE", "TASK", "ITEM", "FAILURES", "AGAIN AT", "ERROR"),
        [(iso(row.first_at), row.task, row.item, str(row.failures), iso(row.next_at), row.error) for row in rows],
    )
