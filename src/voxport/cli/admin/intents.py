"""`voxport admin intents`."""

from __future__ import annotations

from pathlib import Path

import click

from voxport.billing.money import format_tokens
from voxport.cli.common import command_gateway, data_dir_option
from voxport.cli.output import json_option, print_table
from voxport.clock import iso


@click.group(short_help="Paid calls at hosted providers whose outcome is unknown.")
def intents() -> None:
    """Paid calls at hosted providers that have not come to a known end.

    \b
    open      under way, or its process died: the worker looks into it within a minute
    removing  came to nothing; a voice that it may have made is being removed at the provider
    unknown   nobody knows whether the provider did it: the customer's hold is kept for
              VOXPORT_UNKNOWN_OUTCOME_MINUTES
    lost      the customer has the hold back; the provider may have billed you

    \b
    Examples:
      voxport admin intents list
    """


@intents.command("list")
@data_dir_option
@json_option
def list_intents(data_dir: Path | None) -> None:
    """What is open, and what was lost; the oldest first.

    \b
    Examples:
      voxport admin intents list
    """
    with command_gateway(data_dir) as gateway:
        rows = gateway.provider_calls.list_all()
    header_row = ("SINCE", "STATE", "KIND", "PROVIDER", "VOICE", "PROFILE", "HOLD", "JOB", "GIVEN BACK")
    print_table(
        header_row,
        [
            (
                iso(row.created_at),
                row.state,
                row.kind,
                row.provider,
                row.voice_id,
                row.profile_id,
                row.hold_id or "-",
                row.job_id or "-",
                format_tokens(row.released) if row.state == "lost" else "-",
            )
            for row in rows
        ],
    )
    lost = sum(row.released for row in rows if row.state == "lost")
    if lost:
        click.echo(f"Given back to customers for unknown outcomes: {format_tokens(lost)} tokens.")


@intents.command("settle")
@data_dir_option
def settle(data_dir: Path | None) -> None:
    """Bring to an end now what can be.

    The worker does the same once a minute.

    \b
    Examples:
      voxport admin intents settle
    """
    with command_gateway(data_dir) as gateway:
        gateway.sweeps.clear_pauses()
        gateway.provider_calls.release_dead_owners()
        ended = gateway.provider_calls.sweep()
        left = sum(row.state != "lost" for row in gateway.provider_calls.list_all())
    click.echo(f"{ended} ended, {left} still open")


@intents.command("forget")
@data_dir_option
@click.confirmation_option(prompt="Have you booked what was lost?", help="Don't ask.")
def forget(data_dir: Path | None) -> None:
    """Remove the lost ones from the list, when you have booked them.

    \b
    Examples:
      voxport admin intents forget --yes
    """
    with command_gateway(data_dir) as gateway:
        click.echo(f"{gateway.provider_calls.delete_lost()} removed")
