"""How a command finds its gateway, and the client with which it calls it."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from voxport.cli.common import data_dir_option, load_settings
from voxport.cli.errors import KEY_VARIABLE, CommandError, client_errors
from voxport.cli.exit_codes import ExitCode
from voxport.cli.login_file import Login, read_login
from voxport.cli.output import json_option, note
from voxport.urls import without_secrets

if TYPE_CHECKING:
    from voxport_client import Voxport

DEFAULT_URL: Final = "http://127.0.0.1:8000"
_CHECK_TIMEOUT: Final = 10.0
_CHECK_RETRIES: Final = 1
_START_RETRIES: Final = 5
"""About 16 s, for a `voxport serve` that was started just before."""


@dataclass(frozen=True)
class Choice:
    """What the options of a command say about its gateway."""

    url: str | None = None
    data_dir: Path | None = None
    profile_id: str | None = None

    def __str__(self) -> str:
        """The options again, for a command that is suggested."""
        named = (("--url", self.url), ("--data-dir", self.data_dir), ("--profile", self.profile_id))
        return "".join(f" {option} {shlex.quote(str(value))}" for option, value in named if value is not None)


@dataclass(frozen=True)
class GatewayConnection:
    """`client` calls the gateway at `url`. `is_temporary`: it runs only for this command."""

    client: Voxport
    url: str
    choice: Choice
    is_temporary: bool = False


def gateway_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose a gateway, and --json. The command gets them as `choice`."""

    @functools.wraps(command)
    def call(*, url: str | None, data_dir: Path | None, profile_id: str | None, **options: Any) -> Any:
        if url is not None and (data_dir is not None or profile_id is not None):
            raise click.UsageError("--url names a gateway; --data-dir and --profile are for one on this machine.")
        return command(choice=Choice(url, data_dir, profile_id), **options)

    named: Callable[..., Any] = call
    for option in (
        click.option(
            "--profile", "profile_id", metavar="PROFILE", help="Whose account, with a gateway on this machine."
        ),
        data_dir_option,
        click.option("--url", metavar="URL", help="The gateway. Default: VOXPORT_URL, or that of `voxport login`."),
    ):
        named = option(named)
    return json_option(named)


def named_gateway(choice: Choice) -> tuple[Login, str] | None:
    """Return the address and the key that the options, the environment or `voxport login` name, and where the key comes
    from; None for the gateway on this machine's data folder. Raises CommandError."""
    if choice.data_dir is not None or choice.profile_id is not None:
        return None
    url = choice.url or os.environ.get("VOXPORT_BASE_URL") or os.environ.get("VOXPORT_URL")
    key = os.environ.get(KEY_VARIABLE)
    if url and key:
        return Login(url.rstrip("/"), key), KEY_VARIABLE
    login = read_login()
    if url:
        url = url.rstrip("/")
        if login is None or login.url != url:
            raise CommandError(
                f"There is no API key for {without_secrets(url)}.",
                ExitCode.BAD_KEY,
                f"Set {KEY_VARIABLE}, or store a key with `voxport login {without_secrets(url)}`.",
            )
        return login, "`voxport login`"
    if key:
        return Login(login.url if login is not None else DEFAULT_URL, key), KEY_VARIABLE
    return None if login is None else (login, "`voxport login`")


@contextlib.contextmanager
def connect(choice: Choice) -> Iterator[GatewayConnection]:
    """Open a client: of the gateway that is named, else of the one that runs on the data folder, else of one that runs
    there for this command. Errors of the client become CommandError."""
    found = named_gateway(choice)
    if found is not None:
        login, source = found
        with client_errors(login.url, source), _client(login) as client:
            require_gateway(client, login.url)
            yield GatewayConnection(client, login.url, choice)
        return
    from voxport.cli.local_gateway import running_address, temporary_gateway

    data_dir = _data_dir(choice)
    address = running_address(data_dir)
    if address is not None:
        with _local_client(data_dir, address, choice) as client:
            yield GatewayConnection(client, address, choice)
        return
    note(f"Starting a gateway on {data_dir} for this command. `voxport serve` keeps one running.")
    with temporary_gateway(data_dir) as address, _local_client(data_dir, address, choice) as client:
        yield GatewayConnection(client, address, choice, is_temporary=True)


def require_gateway(client: Voxport, url: str, *, max_retries: int = _CHECK_RETRIES) -> None:
    """Raises CommandError if no gateway answers, within seconds: the calls after this one are patient."""
    if not client.with_options(timeout=_CHECK_TIMEOUT, max_retries=max_retries).is_alive():
        raise CommandError(
            f"What answers at {without_secrets(url)} is no Voxport gateway, or one that does not serve now.",
            ExitCode.UNREACHABLE,
            "Is the address right? `voxport doctor` checks it.",
        )


@contextlib.contextmanager
def _client(login: Login, data_dir: Path | None = None) -> Iterator[Voxport]:
    """Open a client; of a gateway on this `data_dir`, one that trusts the certificate which that made, and calls it
    without a proxy."""
    import httpx2

    from voxport.tls.trust import local_trust
    from voxport_client import Voxport
    from voxport_client.transport.options import direct_mounts

    is_local = data_dir is not None
    verify = True if data_dir is None else local_trust(data_dir)
    with httpx2.Client(verify=verify, mounts=direct_mounts(login.url, is_local=is_local)) as http:
        try:
            client = Voxport(api_key=login.api_key, base_url=login.url, http_client=http)
        except ValueError as error:
            raise CommandError(str(error), ExitCode.USAGE) from None
        yield client


@contextlib.contextmanager
def _local_client(data_dir: Path, address: str, choice: Choice) -> Iterator[Voxport]:
    from voxport.cli.local_gateway import open_command_key
    from voxport_client import AuthenticationError

    with client_errors(address, f"the data folder {data_dir}"):
        command_key = open_command_key(data_dir, choice.profile_id)
        with _client(Login(address, command_key.key), data_dir) as client:
            require_gateway(client, address, max_retries=_START_RETRIES)
            try:
                client.billing.balance()
            except AuthenticationError:  # the kept key was revoked, or is one of an older database
                is_usable = False
            else:
                is_usable = True
            if is_usable:
                yield client
                return
        command_key = open_command_key(data_dir, choice.profile_id, is_renewed=True)
        with _client(Login(address, command_key.key), data_dir) as client:
            yield client


def _data_dir(choice: Choice) -> Path:
    """Return the data folder. Raises CommandError if there is none."""
    settings = load_settings(choice.data_dir)
    if not (settings.data_dir / "voxport.db").exists() and not (
        settings.database_url is not None and settings.data_dir.exists()
    ):
        raise CommandError(
            f"There is no gateway here: {settings.data_dir.absolute()} holds no data of one, and no other is named.",
            ExitCode.UNREACHABLE,
            "Start one with `voxport serve`, or name one with `voxport login URL`, VOXPORT_URL or --data-dir.",
        )
    return settings.data_dir
