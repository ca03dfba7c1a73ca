"""`voxport studio`: opens the Studio in a browser, signed in."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voxport.cli.common import command_gateway, data_dir_option
from voxport.cli.local_gateway import running_address
from voxport.errors import Invalid

if TYPE_CHECKING:
    from voxport.gateway import Gateway


@click.command()
@click.option("--profile", "profile_id", help="The profile to sign in as; needed where there are several.")
@click.option("--url", help="The gateway's address as the browser sees it. Default: that of the running voxport serve.")
@click.option("--print", "is_printed", is_flag=True, help="Print the link and open no browser.")
@data_dir_option
def studio(profile_id: str | None, url: str | None, is_printed: bool, data_dir: Path | None) -> None:
    """Open the Studio in a browser, signed in.

    \b
    Examples:
      voxport studio
      voxport studio --print --url http://192.168.1.5:8000

    For a gateway that runs on this data folder. The link works once, within a minute; the browser gets a key that
    expires after twelve hours. On a machine without a browser, open the printed link on one that reaches the gateway,
    or open /studio there and sign in with a key.
    """
    from voxport.studio.sign_in_links import SignInLinks

    with command_gateway(data_dir) as gateway:
        folder = gateway.settings.data_dir
        address = url or running_address(folder)
        if address is None:
            raise Invalid(
                f"No voxport serve runs on {folder}. Start it, or name the address of a gateway on this folder with "
                "--url."
            )
        address = address.rstrip("/")
        link = SignInLinks(folder).create(_profile(gateway, profile_id), address)
    if not is_printed and webbrowser.open(link.page.as_uri()):
        click.echo(f"The Studio opens in your browser: {address}/studio")
    else:
        click.echo(link.url)
        click.echo("The link works once, within a minute.", err=True)


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
