"""`voxport admin profiles` and `voxport admin keys`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from voxport.audit.actors import CLI
from voxport.billing.money import format_tokens, json_number
from voxport.cli.common import command_gateway, data_dir_option
from voxport.cli.output import is_json, json_option, print_json, print_table, printable
from voxport.clock import iso


@click.group()
def profiles() -> None:
    """Accounts: each has its own credits, keys, voices and files.

    \b
    Examples:
      voxport admin profiles create "Acme"
      voxport admin profiles list --json
    """


@profiles.command("create")
@click.argument("name")
@data_dir_option
def create_profile(name: str, data_dir: Path | None) -> None:
    """Make a profile called NAME, and print its id.

    It has no credits and no key yet: see `voxport admin credits add` and `voxport admin keys create`.

    \b
    Examples:
      voxport admin profiles create "Acme"
    """
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        profile_id = gateway.accounts.create_profile(tx, name, actor=CLI).id
    click.echo(profile_id)


@profiles.command("list")
@data_dir_option
@json_option
def list_profiles(data_dir: Path | None) -> None:
    """Show the profiles.

    \b
    Examples:
      voxport admin profiles list
    """
    with command_gateway(data_dir) as gateway:
        rows = [(row.id, row.name, row.state, iso(row.created_at)) for row in gateway.accounts.list_profiles()]
    print_table(("PROFILE", "NAME", "STATE", "CREATED"), rows)


@profiles.command("show")
@click.argument("profile")
@data_dir_option
@json_option
def show_profile(profile: str, data_dir: Path | None) -> None:
    """Show PROFILE: its state, its credits, and what is stored for it.

    \b
    Examples:
      voxport admin profiles show prof_…
    """
    from voxport.voices.stored import storage_usage

    with command_gateway(data_dir) as gateway:
        with gateway.database.snapshot() as tx:
            row = gateway.accounts.require_profile(tx, profile)
        funds = gateway.billing.read_funds(profile)
        files = storage_usage(profile, gateway.media, gateway.voices)
    if is_json():
        print_json(
            {
                "profile": row.id,
                "name": row.name,
                "state": row.state,
                "created_at": iso(row.created_at),
                "credits": json_number(funds.credits),
                "held": json_number(funds.held),
                "balance": json_number(funds.balance),
                "stored": {name: value for name, value in vars(files).items() if name != "profile_id"},
            }
        )
        return
    for label, value in (
        ("profile", row.id),
        ("name", row.name),
        ("state", row.state),
        ("created", iso(row.created_at)),
        ("credits", format_tokens(funds.credits)),
        ("held", format_tokens(funds.held)),
        ("balance", format_tokens(funds.balance)),
        ("uploads", f"{files.uploads} ({files.upload_bytes:,} bytes)"),
        ("speech", f"{files.speech} ({files.speech_bytes:,} bytes)"),
        ("voices", f"{files.voices} ({files.voice_bytes:,} bytes)"),
    ):
        click.echo(printable(f"{label:<8}  {value}"))


@profiles.command("suspend")
@click.argument("profile")
@data_dir_option
def suspend_profile(profile: str, data_dir: Path | None) -> None:
    """Refuse all keys of PROFILE, with 403. Its running jobs go on.

    \b
    Examples:
      voxport admin profiles suspend prof_…
    """
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        changed = gateway.accounts.suspend(tx, profile, actor=CLI)
    click.echo(f"{profile} suspended" if changed else f"{profile} was suspended before")


@profiles.command("resume")
@click.argument("profile")
@data_dir_option
def resume_profile(profile: str, data_dir: Path | None) -> None:
    """Take the keys of a suspended PROFILE again.

    \b
    Examples:
      voxport admin profiles resume prof_…
    """
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        changed = gateway.accounts.resume(tx, profile, actor=CLI)
    click.echo(f"{profile} resumed" if changed else f"{profile} was active before")


@profiles.command("erase", short_help="Remove all that a profile has: jobs, voices, files and keys.")
@click.argument("profile")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
def erase_profile(profile: str, yes: bool, data_dir: Path | None) -> None:
    """Remove all that PROFILE has: jobs, voices (at hosted providers too), samples, files, keys, and its name.

    The ledger stays, under the profile's id. Prints what could not be removed yet (exit code 1 then): the worker goes
    on with it, and so does this command when it is run again. It can't be taken back.

    \b
    Examples:
      voxport admin profiles erase prof_…
    """
    if not yes:
        click.confirm(f"Erase {profile} for good?", abort=True)
    with command_gateway(data_dir) as gateway:
        left = gateway.erasure.erase(profile, actor=CLI).left
    for problem in left:
        click.echo(f"left: {problem}")
    if left:
        sys.exit(1)
    click.echo(f"{profile} erased")


@profiles.command("stored")
@data_dir_option
@json_option
def list_stored(data_dir: Path | None) -> None:
    """Show what is stored for each profile: files and bytes.

    \b
    Examples:
      voxport admin profiles stored
    """
    from voxport.voices.stored import storage_usage

    with command_gateway(data_dir) as gateway:
        found = [storage_usage(row.id, gateway.media, gateway.voices) for row in gateway.accounts.list_profiles()]
    if is_json():
        print_json([vars(row) for row in found])
        return
    print_table(
        ("PROFILE", "UPLOADS", "BYTES", "SPEECH", "BYTES", "VOICES", "BYTES"),
        [tuple(str(value) for value in vars(row).values()) for row in found],
    )


@click.group()
def keys() -> None:
    """API keys: what a client sends with each call.

    \b
    Examples:
      voxport admin keys create prof_… --name laptop
      voxport admin keys list prof_…
    """


@keys.command("create")
@click.argument("profile")
@click.option("--name", default="", help="A note for yourself, such as where the key is used.")
@data_dir_option
def create_key(profile: str, name: str, data_dir: Path | None) -> None:
    """Make a key for PROFILE and print it. It is shown this once: only its hash is kept.

    \b
    Examples:
      voxport admin keys create prof_… --name laptop
    """
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        _, key = gateway.accounts.create_key(tx, profile, name, actor=CLI)
    click.echo(key)


@keys.command("list")
@click.argument("profile", required=False)
@data_dir_option
@json_option
def list_keys(profile: str | None, data_dir: Path | None) -> None:
    """Show the keys, of PROFILE or of all.

    \b
    Examples:
      voxport admin keys list prof_…
    """
    with command_gateway(data_dir) as gateway:
        rows = [
            (
                row.id,
                row.profile_id,
                f"{row.hint}…",
                row.name,
                iso(row.created_at),
                iso(row.expires_at) if row.expires_at else "",
                iso(row.revoked_at) if row.revoked_at else "",
            )
            for row in gateway.accounts.list_keys(profile)
        ]
    print_table(("KEY ID", "PROFILE", "STARTS", "NAME", "CREATED", "WORKS UNTIL", "REVOKED"), rows)


@keys.command("revoke")
@click.argument("key_id")
@data_dir_option
def revoke_key(key_id: str, data_dir: Path | None) -> None:
    """Revoke a key by its id (`voxport admin keys list` shows it). From now on it is refused.

    \b
    Examples:
      voxport admin keys revoke key_…
    """
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        revoked = gateway.accounts.revoke_key(tx, key_id, actor=CLI)
    click.echo(f"{key_id} revoked" if revoked else f"{key_id} was revoked before")


@keys.command("rotate")
@click.argument("key_id")
@click.option("--at-once", is_flag=True, help="Refuse the old key from now on.")
@data_dir_option
def rotate_key(key_id: str, at_once: bool, data_dir: Path | None) -> None:
    """Make a new key in place of KEY_ID and print it, this once. The old one works for VOXPORT_KEY_ROTATION_HOURS.

    \b
    Examples:
      voxport admin keys rotate key_…
      voxport admin keys rotate key_… --at-once      # it has leaked
    """
    with command_gateway(data_dir) as gateway, gateway.database.transaction() as tx:
        rotated = gateway.accounts.rotate_key(tx, key_id, actor=CLI, at_once=at_once)
    click.echo(rotated.key)
    click.echo(f"{key_id} works until {iso(rotated.old_key_expires_at)}", err=True)
