"""Classifies network addresses as public or private, and detects host names that spell addresses."""

from __future__ import annotations

import ipaddress
import re
import socket

# `ipaddress.is_global` of Python 3.11 calls all of these global (measured on 3.11.7). From the IANA
# special-purpose address registries: multicast, IETF protocol assignments, the old 6to4 relay. The last one is a
# public address that on Azure belongs to the host's own service, reachable from the machine only.
_NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(net) for net in ("224.0.0.0/4", "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")
)
# Public IPv6 is 2000::/3. This excludes IPv4-mapped and -compatible, NAT64, multicast, site- and link-local,
# and segment routing. Not public inside it: IETF assignments with Teredo, documentation, 6to4.
_PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = tuple(ipaddress.IPv6Network(net) for net in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
# Loopback, RFC 1918 and RFC 4193: the networks of an operator's own servers.
_PRIVATE_NETWORKS = tuple(
    ipaddress.ip_network(net)
    for net in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
# Amazon's instance metadata on IPv6, which holds credentials. On IPv4, every cloud has it outside these networks.
_METADATA_V6 = ipaddress.IPv6Network("fd00:ec2::/32")


def is_public(address: str) -> bool:
    """Returns True if a numeric address is reachable on the public internet; False if it can't be parsed."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not parsed.is_global:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return not any(parsed in net for net in _NOT_PUBLIC_V4)
    return parsed in _PUBLIC_V6 and not any(parsed in net for net in _NOT_PUBLIC_V6)


def is_private_network(address: str) -> bool:
    """Returns True if a numeric address belongs to this machine or a private network, where an operator may run
    servers. Link-local and cloud metadata addresses do not count."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in net for net in _PRIVATE_NETWORKS) and parsed not in _METADATA_V6


def literal_address(host: str) -> str | None:
    """Returns the address that a URL's host spells, or None if the host is a name.

    Accepts the forms that the system's resolver accepts without a lookup: dotted, decimal, octal, hexadecimal
    and shortened IPv4 (inet_aton), and IPv6 without brackets.
    """
    if ":" in host:
        return host
    bare = host.rstrip(".")
    try:
        return socket.inet_ntoa(socket.inet_aton(bare))
    except (OSError, UnicodeError):
        return None


def looks_numeric(host: str) -> bool:
    """Returns True if the last label is a number, as in no public name. Such a host may be an invalid address (such
    as 256.0.0.1 or 4294967296), which resolvers interpret differently. WHATWG URL standard, "ends in a number".
    """
    last = host.rstrip(".").rsplit(".", 1)[-1]
    return re.fullmatch(r"[0-9]+|0[xX][0-9a-fA-F]*", last) is not None
