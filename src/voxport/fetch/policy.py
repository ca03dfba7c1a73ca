"""Defines the policy of the safe fetch, and checks URLs against it without the network."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2

from voxport.fetch.addresses import is_private_network, is_public, literal_address, looks_numeric

MAX_URL_LENGTH = 8_192

# Special-use names (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`) that never name a public host.
_PRIVATE_SUFFIXES = ("localhost", "localdomain", "local", "internal", "home.arpa")
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal"})  # cloud metadata services, which hold credentials


class RefusedError(Exception):
    """The URL is not fetched. The reason is for the log and never shown to the caller."""


class PrivateHostError(RefusedError):
    """The URL names a private host. `host` is its spelling for `VOXPORT_PRIVATE_HOSTS`."""

    def __init__(self, reason: str, host: str) -> None:
        super().__init__(reason)
        self.host = host


class NetworkFailedError(RefusedError):
    """The fetch is allowed but failed. A retry may succeed."""


def resolve(host: str, port: int) -> list[str]:
    """Returns the addresses of a name from the system's resolver. Raises OSError. The resolver's configuration limits
    its duration (typically 5 to 20 s), because a thread can't be interrupted in it."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def dial(address: str, port: int, timeout_seconds: float) -> socket.socket:
    """Opens a TCP connection to a numeric address. Raises OSError."""
    return socket.create_connection((address, port), timeout_seconds)


@dataclass(frozen=True)
class FetchPolicy:
    """Rules and limits of a fetch."""

    max_bytes: int
    """Maximum size of the body, checked against Content-Length and while reading."""

    timeout_seconds: float
    """Timeout of the whole fetch: name resolution, connections, redirects, headers, body."""

    private_hosts: frozenset[str] = frozenset()
    """Hosts (`host` or `host:port`, spelt as in the URL, in lower case) that may be private and use any port."""

    ports: frozenset[int] = frozenset({80, 443})
    """Ports allowed for public hosts."""

    allow_http: bool = True
    """Allows plain http. A redirect from https to http is never followed."""

    resolver: Callable[[str, int], list[str]] = resolve
    """Resolves a name and port to numeric addresses."""

    dialer: Callable[[str, int, float], socket.socket] = dial
    """Opens a socket to a numeric address and port, with a timeout in seconds."""

    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    """Replaces the system's trusted certificates."""

    def may_be_private(self, host: str, port: int) -> bool:
        """Returns True if the operator listed this host. `host` has no brackets."""
        shown = f"[{host}]" if ":" in host else host
        return shown in self.private_hosts or f"{shown}:{port}" in self.private_hosts


def validate_url(url: str, policy: FetchPolicy) -> httpx2.URL:
    """Parses the URL and checks it against the policy. Raises RefusedError."""
    if len(url) > MAX_URL_LENGTH:
        raise RefusedError("the URL is too long")
    # Parsers disagree on whether a backslash ends the host.
    if re.search(r"[\x00-\x1f\x7f-\x9f\\]", url):
        raise RefusedError("control character or backslash in the URL")
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError) as exc:
        raise RefusedError("the URL can't be parsed") from exc
    schemes = ("http", "https") if policy.allow_http else ("https",)
    if parsed.scheme not in schemes:
        raise RefusedError("the scheme may not be fetched")
    if re.match(r"[a-z]+://[^/?#]*@", url, re.IGNORECASE):
        raise RefusedError("user information in the URL")
    _check_host(parsed.raw_host.decode("ascii"), port_of(parsed), policy)
    return parsed


def port_of(url: httpx2.URL) -> int:
    if url.port is not None:
        return url.port
    return 443 if url.scheme == "https" else 80


def _check_host(host: str, port: int, policy: FetchPolicy) -> None:
    # Strict on purpose: no percent sign (encoded dots, zone ids), no blanks.
    if not re.fullmatch(r"[a-z0-9_-][a-z0-9._-]*|[0-9a-f:.]*:[0-9a-f:.]*", host):
        raise RefusedError("no host, or one that is neither a name nor an address")
    if not 0 < port < 65_536:
        raise RefusedError("no such port")
    if policy.may_be_private(host, port):
        return
    address = literal_address(host)
    if address is None and looks_numeric(host):
        raise RefusedError("an address that can't be read")
    if _is_private(host, address):
        if not _may_be_private(host, address):
            raise RefusedError("neither public nor a host of the operator's")
        shown = f"[{host}]" if ":" in host else host
        raise PrivateHostError(
            "a name of this machine or this network" if address is None else "the address is not public",
            shown if port in policy.ports else f"{shown}:{port}",
        )
    if port not in policy.ports:
        raise RefusedError("the port may not be used")


def _may_be_private(host: str, address: str | None) -> bool:
    return is_private_network(address) if address is not None else host.rstrip(".") not in _METADATA_NAMES


def _is_private(host: str, address: str | None) -> bool:
    if address is not None:
        return not is_public(address)
    name = host.rstrip(".")
    return "." not in name or any(name == s or name.endswith("." + s) for s in _PRIVATE_SUFFIXES)
