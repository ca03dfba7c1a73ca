"""`voxport profiles` and `voxport keys`."""

from __future__ import annotations

from pathlib import Path

import click

from voxport.cli.common import data_dir_option, opened, print_table
from voxport.clock import iso


@click.group()
def profiles() -> None:
    """Accounts: each has its own credits, keys, voices and files."""


@profiles.command("create")
@click.argument("name")
@data_dir_option
def create_profile(name: str, data_dir: Path | None) -> None:
    """Make a profile called NAME, and print its id.

    It has no credits and no key yet: see `voxport credits add` and `voxport keys create`.
    """
    with opened(data_dir) as gateway, gateway.database.transaction() as tx:
        profile_id = gateway.accounts.create_profile(tx, name).id
    click.echo(profile_id)


@profiles.command("list")
@data_dir_option
def list_profiles(data_dir: Path | None) -> None:
    """Show the profiles."""
    with opened(data_dir) as gateway:
        rows = [(row.id, row.name, iso(row.created_at)) for row in gateway.accounts.list_profiles()]
    print_table(("PROFILE", "NAME", "CREATED"), rows)


@click.group()
def keys() -> None:
    """API keys: what a client sends with each call."""


@keys.command("create")
@click.argument("profile")
@click.option("--name", default="", help="A note for yourself, such as where the key is used.")
@data_dir_option
def create_key(profile: str, name: str, data_dir: Path | None) -> None:
    """Make a key for PROFILE and print it. It is shown this once: only its hash is kept."""
    with opened(data_dir) as gateway, gateway.database.transaction() as tx:
        _, key = gateway.accounts.create_key(tx, profile, name)
    click.echo(key)


@keys.command("list")
@click.argument("profile", required=False)
@data_dir_option
def list_keys(profile: str | None, data_dir: Path | None) -> None:
    """Show the keys, of PROFILE or of all."""
    with opened(data_dir) as gateway:
        rows = [
            (
                row.id,
                row.profile_id,
                f"{row.hint}…",
                row.name,
                iso(row.created_at),
                iso(row.revoked_at) if row.revoked_at else "",
            )
            for row in gateway.accounts.list_keys(profile)
        ]
    print_table(("KEY ID", "PROFILE", "STARTS", "NAME", "CREATED", "REVOKED"), rows)


@keys.command("revoke")
@click.argument("key_id")
@data_dir_option
def revoke_key(key_id: str, data_dir: Path | None) -> None:
    """Revoke a key by its id (`voxport keys list` shows it). From now on it is refused."""
    with opened(data_dir) as gateway, gateway.database.transaction() as tx:
        revoked = gateway.accounts.revoke_key(tx, key_id)
    click.echo(f"{key_id} revoked" if revoked else f"{key_id} was revoked before")
