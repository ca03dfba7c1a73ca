"""The names and the local addresses under which other machines reach this one. Asks no name server."""

from __future__ import annotations

import fcntl
import ipaddress
import re
import socket
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

LOCAL_NETWORKS: Final = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
        *("::1/128", "fc00::/7", "fe80::/10"),
    )
)
"""Networks that nobody reaches from the internet: loopback, RFC 1918, link-local, RFC 6598 (some VPNs), RFC 4193."""
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_MAX_ADDRESSES: Final = 40
_SIOCGIFADDR: Final = 0x8915  # netdevice(7): the IPv4 address of an interface


def host_name() -> str | None:
    """Return the first label of this machine's name in lower case, or None if it is no name for DNS."""
    label = socket.gethostname().partition(".")[0].lower()
    return label if _LABEL.fullmatch(label) and label != "localhost" else None


def machine_names(addresses: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names of this machine, then its addresses (default: `local_addresses()`)."""
    name = host_name()
    own = (f"{name}.local",) if name is not None else ()
    found = local_addresses() if addresses is None else addresses
    return tuple(dict.fromkeys([*LOOPBACK, *own, *found]))


def local_addresses() -> tuple[str, ...]:
    """Return this machine's addresses in local networks, without loopback and IPv6 link-local ones, which no browser
    takes. That of the default route is the first."""
    found = list(_linux_addresses() if sys.platform == "linux" else _addresses_of_name())
    usable = [one for one in dict.fromkeys(found) if is_local(one) and not _is_unusable(one)]
    return tuple(usable[:_MAX_ADDRESSES])


def normalized(name: str) -> str | None:
    """Return a host name or an address in the form that a certificate has, or None if it is neither."""
    address = as_address(name.partition("%")[0])  # without the zone of a link-local address
    if address is not None:
        return str(address)
    lower = name.rstrip(".").lower()
    return lower if all(map(_LABEL.fullmatch, lower.split("."))) and len(lower) <= 253 else None


def is_local(address: str) -> bool:
    """Tell whether this is an IP address in one of LOCAL_NETWORKS."""
    parsed = as_address(address)
    return parsed is not None and any(parsed in network for network in LOCAL_NETWORKS)


def as_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that `name` is, or None."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_unusable(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return parsed.is_loopback or (parsed.version == 6 and parsed.is_link_local)


def _linux_addresses() -> Iterator[str]:
    # if_nameindex() would need a netlink socket, which the systemd units forbid.
    interfaces = sorted(path.name for path in _entries(Path("/sys/class/net")))
    default = _default_interface()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        for interface in sorted(interfaces, key=lambda name: name != default):
            try:
                answer = fcntl.ioctl(one.fileno(), _SIOCGIFADDR, struct.pack("256s", interface.encode()[:15]))
            except OSError:
                continue  # it has no IPv4 address
            yield socket.inet_ntoa(answer[20:24])
    for line in _lines(Path("/proc/net/if_inet6")):
        yield str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0])))


def _default_interface() -> str | None:
    """Return the interface of the IPv4 default route, as /proc/net/route has it."""
    for line in _lines(Path("/proc/net/route")):
        interface, destination, *_ = line.split()
        if destination == "00000000":
            return interface
    return None


def _addresses_of_name() -> Iterator[str]:
    try:
        yield from (str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), None))
    except OSError:
        return


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").splitlines()
    except OSError:
        return []
