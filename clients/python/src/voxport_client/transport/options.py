"""What a client is given: address, key, timeout and retries."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import platform
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version

import httpx2

from voxport_client.transport.attempts import RetryPolicy

DEFAULT_BASE_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT = 600.0
"""Seconds. Speech of 5,000 characters is synthesized before its first byte is sent."""
DEFAULT_MAX_RETRIES = 5
CONNECT_TIMEOUT = 10.0
USER_AGENT = f"voxport-client/{version('voxport-client')} python/{platform.python_version()}"


@dataclass(frozen=True)
class ClientOptions:
    base_url: str = field(repr=False)
    api_key: str = field(repr=False)
    policy: RetryPolicy

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of calls to the gateway. Signed URLs get none of them."""
        return {"Authorization": f"Bearer {self.api_key}", "User-Agent": USER_AGENT, "Accept": "application/json"}

    @property
    def timeouts(self) -> httpx2.Timeout:
        return timeouts(self.policy.timeout)


def client_options(api_key: str | None, base_url: str | None, timeout: float, max_retries: int) -> ClientOptions:
    """Take what is not given from the environment. Raises ValueError."""
    url = base_url or os.environ.get("VOXPORT_BASE_URL") or os.environ.get("VOXPORT_URL") or DEFAULT_BASE_URL
    if not url.startswith(("http://", "https://")) or any(one in url for one in "?#"):
        raise ValueError(f"{shown_url(url)!r} is no base_url: it begins with http:// or https:// and ends before /v1.")
    key = api_key if api_key is not None else os.environ.get("VOXPORT_API_KEY", "")
    if not key:
        raise ValueError("There is no API key: give api_key, or set VOXPORT_API_KEY.")
    if not all("!" <= letter <= "~" for letter in key):
        raise ValueError("The API key holds a blank, a line break or a letter that no key has. Was it copied whole?")
    return ClientOptions(url.rstrip("/"), key, retry_policy(timeout, max_retries))


def changed_options(options: ClientOptions, timeout: float | None, max_retries: int | None) -> ClientOptions:
    """Raises ValueError."""
    old = options.policy
    policy = retry_policy(
        old.timeout if timeout is None else timeout, old.max_retries if max_retries is None else max_retries
    )
    return replace(options, policy=policy)


def shown_url(url: str) -> str:
    """Return a URL as messages show it: without user, password and query."""
    return re.sub(r"(?<=//).*(?=@)|(?<=[?#]).+", "***", url, flags=re.DOTALL)


def direct_mounts(url: str, *, is_local: bool = False) -> dict[str, None]:
    """Return the `mounts` of an HTTP client that keep calls to this machine, with their key, from the proxy which the
    environment names. `is_local` counts the host of `url` to this machine, whatever its name is. Other calls, such as
    those to a storage elsewhere, take the proxy."""
    hosts = ["localhost", "127.0.0.1", "[::1]"]
    with contextlib.suppress(httpx2.InvalidURL):
        host = httpx2.URL(url).host
        if host and (is_local or is_loopback(host)):
            hosts.append(f"[{host}]" if ":" in host else host)
    return {f"all://{host}": None for host in hosts}


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine: `localhost`, `127.0.0.2`, `127.1`, `::1`, `0.0.0.0`."""
    name = host.lower().rstrip(".").strip("[]")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(name))
        except (OSError, ValueError):
            return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def retry_policy(timeout: float, max_retries: int) -> RetryPolicy:
    """Raises ValueError."""
    if not 0 < timeout < float("inf"):
        raise ValueError("timeout is a number of seconds above 0.")
    if max_retries < 0:
        raise ValueError("max_retries is 0 or more.")
    return RetryPolicy(float(timeout), max_retries)


def timeouts(seconds: float) -> httpx2.Timeout:
    """Limit each wait for bytes to `seconds`, and the wait for a connection to CONNECT_TIMEOUT."""
    return httpx2.Timeout(seconds, connect=min(seconds, CONNECT_TIMEOUT))
