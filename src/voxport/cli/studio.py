"""`voxport studio`: opens the Studio in a browser, signed in."""

from __future__ import annotations

import fcntl
import os
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voxport.cli.common import command_gateway, data_dir_option
from voxport.errors import Invalid

if TYPE_CHECKING:
    from voxport.gateway import Gateway

ADDRESS_FILE = "serve.url"
"""In the data folder: the address of the `voxport serve` that holds the lock of the folder, or held it last."""


@click.command()
@click.option("--profile", "profile_id", help="The profile to sign in as; needed where there are several.")
@click.option("--url", help="The gateway's address as the browser sees it. Default: that of the running voxport serve.")
@click.option("--print", "is_printed", is_flag=True, help="Print the link and open no browser.")
@data_dir_option
def studio(profile_id: str | None, url: str | None, is_printed: bool, data_dir: Path | None) -> None:
    """Open the Studio in a browser, signed in.

    For a gateway that runs on this data folder. The link works once, within a minute; the browser gets a key that
    expires after twelve hours. On a machine without a browser, open the printed link on one that reaches the gateway,
    or open /studio there and sign in with a key.
    """
    from voxport.studio.sign_in_links import SignInLinks

    with command_gateway(data_dir) as gateway:
        address = (url or _running_address(gateway.settings.data_dir)).rstrip("/")
        link = SignInLinks(gateway.settings.data_dir).create(_profile(gateway, profile_id), address)
    if not is_printed and webbrowser.open(link.page.as_uri()):
        click.echo(f"The Studio opens in your browser: {address}/studio")
    else:
        click.echo(link.url)
        click.echo("The link works once, within a minute.", err=True)


def _running_address(data_dir: Path) -> str:
    """Return the address of the server on this folder. Raises Invalid if none runs."""
    try:
        descriptor = os.open(data_dir / "serve.lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return (data_dir / ADDRESS_FILE).read_text("utf-8").strip()
        finally:
            os.close(descriptor)
    except OSError:
        pass
    raise Invalid(
        f"No voxport serve runs on {data_dir}. Start it, or name the address of a gateway on this folder with --url."
    )


def _profile(gateway: Gateway, profile_id: str | None) -> str:
    """Return the id of the profile to sign in as. Raises NotFound, Invalid (there is no single one)."""
    if profile_id is not None:
        with gateway.database.snapshot() as tx:
            return gateway.accounts.require_profile(tx, profile_id).id
    active = gateway.accounts.list_profiles("active")
    if len(active) != 1:
        names = ", ".join(f"{profile.id} ({profile.name})" for profile in active[:10])
        raise Invalid(f"There are {len(active)} active profiles. Name one with --profile: {names}.")
    return active[0].id
