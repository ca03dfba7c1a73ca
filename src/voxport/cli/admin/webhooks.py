"""`voxport admin webhooks`."""

from __future__ import annotations

from pathlib import Path

import click

from voxport.cli.common import command_gateway, data_dir_option
from voxport.cli.output import json_option, print_table
from voxport.clock import iso


@click.group()
def webhooks() -> None:
    """Webhook deliveries to the customers' own servers.

    \b
    pending    waits for its first or its next try
    sending    is being sent
    delivered  the receiver said that it has it
    failed     given up after the last try, or the receiver said that it is gone

    \b
    Examples:
      voxport admin webhooks list prof_… --status failed
      voxport admin webhooks resend msg_…
    """


@webhooks.command("list")
@click.argument("profile", required=False)
@click.option("--status", type=click.Choice(["pending", "sending", "delivered", "failed"]), help="Only those.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@data_dir_option
@json_option
def list_webhooks(profile: str | None, status: str | None, limit: int, data_dir: Path | None) -> None:
    """Show the webhooks, of PROFILE or of all; the newest first.

    Of a URL only the host is shown: its path may hold a secret of the customer's.

    \b
    Examples:
      voxport admin webhooks list prof_… --status failed
    """
    with command_gateway(data_dir) as gateway:
        rows = gateway.webhooks.list(profile, state=status, limit=limit, cursor=None).rows
    print_table(
        ("DELIVERY", "CREATED", "TYPE", "STATUS", "TRIES", "NEXT", "PROFILE", "JOB", "HOST"),
        [
            (
                row.id,
                iso(row.created_at),
                row.type,
                row.state,
                str(row.attempt_count),
                iso(row.next_at) if row.state == "pending" else "-",
                row.profile_id,
                row.job_id or "-",
                row.host,
            )
            for row in rows
        ],
    )


@webhooks.command("resend", short_help="Send a delivery again now, under the same id.")
@click.argument("delivery")
@data_dir_option
def resend(delivery: str, data_dir: Path | None) -> None:
    """Send DELIVERY now, under the same id (`voxport admin webhooks list` shows it). A worker does it.

    \b
    Examples:
      voxport admin webhooks resend msg_…
    """
    with command_gateway(data_dir) as gateway:
        gateway.webhooks.resend(gateway.webhooks.owner(delivery), delivery)
    click.echo(f"{delivery} is sent again")


@webhooks.command("rotate")
@click.argument("profile")
@data_dir_option
def rotate(profile: str, data_dir: Path | None) -> None:
    """Make another signing secret for PROFILE and print it. The one before signs too for 24 hours.

    \b
    Examples:
      voxport admin webhooks rotate prof_…
    """
    with command_gateway(data_dir) as gateway:
        with gateway.database.transaction() as tx:
            gateway.accounts.require_profile(tx, profile)
        click.echo(gateway.signing_secrets.rotate(profile)[0].value)
