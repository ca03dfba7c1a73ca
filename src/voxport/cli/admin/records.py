"""`voxport admin audit` and `voxport admin consents`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click

from voxport.cli.common import command_gateway, data_dir_option
from voxport.cli.output import json_option, print_table, printable
from voxport.clock import iso

_MAX_SHOWN_CHARACTERS = 200


@click.group(short_help="The audit log: who did what, and when.")
def audit() -> None:
    """The audit log: who did what, with keys, credits, profiles, clones and deletions.

    \b
    Examples:
      voxport admin audit list prof_…
      voxport admin audit verify
    """


@audit.command("list")
@click.argument("profile", required=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many rows.")
@data_dir_option
@json_option
def list_audit(profile: str | None, limit: int, data_dir: Path | None) -> None:
    """Show the newest rows, of PROFILE or of all.

    \b
    Examples:
      voxport admin audit list prof_… --limit 200
    """
    with command_gateway(data_dir) as gateway:
        rows = gateway.audit.page(profile_id=profile, limit=limit, cursor=None).rows
    print_table(
        ("ROW", "AT", "WHO", "WHAT", "PROFILE", "OF", "REQUEST", "DETAILS"),
        [
            (
                str(row.sequence),
                row.at,
                row.actor,
                row.action,
                row.profile_id or "-",
                row.subject or "-",
                row.request_id or "-",
                " ".join(f"{name}={value}" for name, value in row.details.items()),
            )
            for row in rows
        ],
    )


@audit.command("verify")
@click.option("--noted", metavar="ROW:HASH", help="What an earlier `audit verify` printed: that row is still the same.")
@data_dir_option
def verify_audit(noted: str | None, data_dir: Path | None) -> None:
    """Prove that no row was changed, removed or put in between; names the first that is broken, with exit code 1.

    Prints the last row and its hash. Note it somewhere else: with --noted it proves later that the end of the log was
    not cut off or written anew, which the log alone can't.

    \b
    Examples:
      voxport admin audit verify
      voxport admin audit verify --noted 4182:9f86d0…
    """
    known = None
    if noted is not None:
        parts = re.fullmatch(r"([0-9]{1,15}):([0-9a-f]{64})", noted)
        if parts is None:
            raise click.BadParameter("give ROW:HASH, such as 41:9f86d0…", param_hint="--noted")
        known = (int(parts[1]), parts[2])
    with command_gateway(data_dir) as gateway:
        problem = gateway.audit.verify(known)
        sequence, last = gateway.audit.head()
    if problem is not None:
        click.echo(printable(problem))
        sys.exit(1)
    click.echo(f"audit log whole, {sequence}:{last}")


@audit.command("export")
@data_dir_option
def export_audit(data_dir: Path | None) -> None:
    """Print every row, the oldest first, as a line of JSON. `hash` is SHA-256 over the rest of the line with its names
    sorted and without spaces.

    \b
    Examples:
      voxport admin audit export > audit.jsonl
    """
    with command_gateway(data_dir) as gateway:
        for row in gateway.audit.export():
            click.echo(json.dumps(row, sort_keys=True, separators=(",", ":")))


@click.group()
def consents() -> None:
    """What speakers consented to, as the callers said.

    \b
    Examples:
      voxport admin consents list prof_…
    """


@consents.command("list")
@click.argument("profile", required=False)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many rows.")
@data_dir_option
@json_option
def list_consents(profile: str | None, limit: int, data_dir: Path | None) -> None:
    """Show the newest, of PROFILE or of all.

    \b
    Examples:
      voxport admin consents list prof_…
    """
    with command_gateway(data_dir) as gateway:
        rows = gateway.consents.page(profile_id=profile, limit=limit, cursor=None).rows
    print_table(
        ("AT", "PROFILE", "KEY", "SERVICE", "REQUEST", "VOICE", "SPEAKER", "WORDS"),
        [
            (
                iso(row.created_at),
                row.profile_id,
                row.key_id,
                row.service,
                row.request_id,
                row.voice_id or "-",
                " ".join(row.speaker.split()),
                " ".join((row.words or "-").split())[:_MAX_SHOWN_CHARACTERS],
            )
            for row in rows
        ],
    )
