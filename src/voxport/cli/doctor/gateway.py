"""Checks of the gateway that commands call: address, readiness, key, clock; and of the port to serve on."""

from __future__ import annotations

import json
import socket
import ssl
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from voxport.cli.connection import Choice, named_gateway
from voxport.cli.doctor.findings import CheckResult, failed, ok, warning
from voxport.cli.errors import CommandError, another_key
from voxport.cli.local_gateway import running_address
from voxport.cli.login_file import login_path, read_login
from voxport.cli.output import tokens
from voxport.tls.trust import local_trust
from voxport.urls import without_secrets

if TYPE_CHECKING:
    import httpx2

    from voxport.cli.login_file import Login

_TIMEOUT: Final = 10.0
_MAX_SKEW_SECONDS: Final = 60.0


def check_port(host: str, port: int, data_dir: Path) -> Iterator[CheckResult]:
    """Whether `voxport serve` could listen there, or does."""
    running = running_address(data_dir)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            reason = error.strerror
        else:
            yield ok("port", f"{host} port {port} is free")
            return
    if running is not None and running.endswith(f":{port}"):
        yield ok("port", f"{port} is used by the gateway on this data folder")
    elif running is not None:
        yield ok("port", f"{port} is taken by another program; the gateway on this data folder has another")
    else:
        yield failed(
            "port",
            f"{host} port {port} can't be listened on: {reason}",
            f"Stop the other program, or use another port: voxport serve --port {port % 65535 + 1}",
        )


def check_login() -> Iterator[CheckResult]:
    path = login_path()
    try:
        login = read_login()
    except CommandError as error:
        yield failed("login", error.message, error.hint or "")
        return
    if login is None:
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield warning("login", f"other users may read the key in {path} (mode {mode:o})", f"chmod 600 {path}")
    else:
        yield ok("login", f"{without_secrets(login.url)}, in {path}")


def check_gateway(choice: Choice, data_dir: Path | None) -> Iterator[CheckResult]:
    """Whether the gateway that a command with these options would call answers, is ready, and takes the key."""
    try:
        named = named_gateway(choice)
    except CommandError as error:
        yield failed("key", error.message, error.hint or "")
        return
    if named is not None:
        yield from _check(named[0].url, named[0], named[1])
    elif data_dir is not None and (address := running_address(data_dir)) is not None:
        yield from _check(address, None, "", local_trust(data_dir))
    elif data_dir is not None and (data_dir / "voxport.db").exists():
        yield warning(
            "gateway",
            f"none runs on {data_dir}: each command starts one for itself, which takes seconds",
            "`voxport serve` keeps one running.",
        )
    else:
        yield warning(
            "gateway",
            "there is none yet: no address is named, and there is no data folder",
            "`voxport serve` starts one here, `voxport login URL` names one elsewhere.",
        )


def _check(
    url: str, login: Login | None, key_source: str, trust: ssl.SSLContext | bool = True
) -> Iterator[CheckResult]:
    import httpx2

    from voxport_client import Voxport, VoxportError
    from voxport_client.transport.options import direct_mounts

    try:
        with httpx2.Client(verify=trust, mounts=direct_mounts(url, is_local=login is None)) as http:
            answer = http.get(f"{url}/readyz", timeout=_TIMEOUT)
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
        yield failed(
            "gateway",
            f"{without_secrets(url)} does not answer: {error}",
            "Does it run there (`voxport serve`), is the address right, and does a proxy or firewall stand between?",
        )
        return
    readiness = _readiness(without_secrets(url), answer)
    yield readiness
    if readiness.status == "failed" and answer.status_code != 503:  # no gateway: the key is not for it
        return
    yield from _clock(answer)
    if login is None:
        return
    try:
        with Voxport(api_key=login.api_key, base_url=url, timeout=_TIMEOUT, max_retries=1) as client:
            balance = client.billing.balance().balance
    except VoxportError as error:
        yield failed("key", f"that of {key_source} is refused: {error.message}", another_key(url, key_source))
    except ValueError as error:
        yield failed("key", str(error), another_key(url, key_source))
    else:
        yield ok("key", f"that of {key_source} works; {tokens(balance)} tokens are left")
        if balance <= 0:
            yield warning("credits", "there are none left", "Ask the operator of the gateway for more.")


def _readiness(url: str, answer: httpx2.Response) -> CheckResult:
    try:
        body: Any = json.loads(answer.content)
        checks = body["checks"]
        failing = [name for name, state in checks.items() if state not in ("ok", "starting")]
        starting = [name for name, state in checks.items() if state == "starting"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return failed(
            "gateway", f"what answers at {url} is no Voxport (status {answer.status_code})", "Is the address right?"
        )
    if failing:
        return failed("gateway", f"{url} is not ready: {', '.join(failing)} failing", "Its log says more.")
    if starting:
        return warning("gateway", f"{url} is starting: {', '.join(starting)}", "Wait some seconds.")
    return ok("gateway", f"{url} is ready")


def _clock(answer: httpx2.Response) -> Iterator[CheckResult]:
    try:
        theirs = parsedate_to_datetime(answer.headers["Date"])
        skew = abs((datetime.now(UTC) - theirs.astimezone(UTC)).total_seconds())
    except (KeyError, ValueError, TypeError):
        return
    if skew > _MAX_SKEW_SECONDS:
        yield warning(
            "clock",
            f"this machine and the gateway are {skew:.0f} s apart (here it is {datetime.now(UTC):%Y-%m-%d %H:%M} UTC)",
            "Set both by NTP: signed URLs end by the clock.",
        )
