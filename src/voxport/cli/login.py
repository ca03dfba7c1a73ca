"""`voxport login` and `voxport logout`."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

import click

from voxport.cli.connection import DEFAULT_URL, require_gateway
from voxport.cli.errors import KEY_VARIABLE, CommandError, client_errors
from voxport.cli.exit_codes import ExitCode
from voxport.cli.login_file import Login, login_path, remove_login, write_login
from voxport.cli.output import is_json, json_option, note, print_json, tokens
from voxport.urls import without_secrets


@click.command(short_help="Check a gateway and a key, and keep both.")
@click.argument("url", required=False)
@json_option
def login(url: str | None) -> None:
    """Check a gateway's address and an API key, and keep both for the other commands.

    URL is that of the gateway; by default VOXPORT_URL, or http://127.0.0.1:8000. The key is asked for, or read from
    standard input where that is no terminal. Both are kept in ~/.config/voxport/login.json, which only you can read.

    \b
    Examples:
      voxport login https://voices.example.com
      pass voxport | voxport login https://voices.example.com
    """
    from voxport_client import Voxport

    url = (url or os.environ.get("VOXPORT_BASE_URL") or os.environ.get("VOXPORT_URL") or DEFAULT_URL).rstrip("/")
    if "://" not in url:
        url = f"https://{url}"
    if _is_unencrypted(url):
        _warn_of_unencrypted(url)
    key = _read_key()
    try:
        client = Voxport(api_key=key, base_url=url)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.BAD_KEY if "key" in str(error) else ExitCode.USAGE) from None
    with client, client_errors(url, "this login"):
        require_gateway(client, url)
        balance = client.billing.balance()
    path = write_login(Login(url, key))
    if os.environ.get(KEY_VARIABLE) not in (None, key):
        note(f"Warning: {KEY_VARIABLE} is set to another key, which comes first.")
    if is_json():
        print_json({"url": url, "file": str(path), "balance": balance})
    else:
        click.echo(
            f"The key works at {without_secrets(url)}; {tokens(balance.balance)} tokens are left. Kept in {path}."
        )
        note('Next: voxport clone me.wav --name Ana, or voxport say "Hello." --voice NAME (voxport voices)')


@click.command()
def logout() -> None:
    """Remove the key that `voxport login` kept. The key goes on working: `voxport admin keys revoke` ends it.

    \b
    Examples:
      voxport logout
    """
    click.echo(f"{login_path()} is removed." if remove_login() else "There is no login.")


def _read_key() -> str:
    """Ask for the key without showing it, or read it from a pipe. Raises CommandError if there is none."""
    if _is_terminal():
        key: str = click.prompt("API key (vxp_…)", hide_input=True, err=True)
    else:
        key = sys.stdin.readline()
    key = key.strip() or os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise CommandError(
            "There is no API key on standard input.",
            ExitCode.BAD_KEY,
            "On the gateway's machine `voxport admin keys create PROFILE` makes one.",
        )
    return key


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _is_unencrypted(url: str) -> bool:
    from voxport_client.transport.options import is_loopback

    try:
        return url.lower().startswith("http://") and not is_loopback(urlsplit(url).hostname or "")
    except ValueError:  # no URL, which the client says
        return False


def _warn_of_unencrypted(url: str) -> None:
    """Raises click.Abort if the user does not go on."""
    note(f"Warning: {without_secrets(url)} is not encrypted, so that others on the way can read the key. Use https.")
    if _is_terminal():
        click.confirm("Send the key all the same?", abort=True, err=True)
