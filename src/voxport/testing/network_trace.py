"""Traces a program's network calls with `strace`, and lists the destinations."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_RESOLVER_PORTS: Final = frozenset({53, 853, 5353})
"""Ports of DNS, DNS over TLS and multicast DNS."""
_RESOLVER_SOCKETS: Final = ("nscd", "resolve", "avahi")
"""Parts of the socket paths of local name services: nscd, systemd-resolved, Avahi."""
_SENT: Final = re.compile(r"^\d+\s+(?:connect|sendto|sendmsg|sendmmsg)\(")
_INTERNET: Final = re.compile(
    r"sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?"
    r'(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")'
)
_LOCAL: Final = re.compile(r'sa_family=AF_UNIX, sun_path=@?"([^"]+)"')


@dataclass(frozen=True)
class Destination:
    """The destination of a call: an address and port, or the path of a local socket with port 0."""

    address: str
    port: int

    @property
    def is_lookup(self) -> bool:
        """Whether the destination is a name service."""
        if self.port == 0:
            return any(part in self.address for part in _RESOLVER_SOCKETS)
        return self.port in _RESOLVER_PORTS

    @property
    def is_local(self) -> bool:
        """Whether the destination is a socket of this machine. Data sent there doesn't leave the machine by itself."""
        return self.port == 0 or ipaddress.ip_address(self.address).is_loopback


def why_not_traceable() -> str | None:
    """Return why programs can't be traced on this machine, or None if they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (Debian package strace)"
    tried = subprocess.run([*tracer(Path("/dev/null")), "true"], capture_output=True, text=True, check=False)  # noqa: S603
    return None if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


def tracer(output: Path) -> Sequence[str]:
    """Return the arguments to put before a command to trace its network calls, and those of its children, to `output`.

    The process is the command itself, so it receives signals. strace runs in a process of its own and ends with the
    last traced process.
    """
    # seccomp stops only these calls, so computation is not slowed. No content is written (-s 0).
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    return ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-s", "0", "-e", calls, "-o", str(output))


def destinations(output: Path) -> list[Destination]:
    """Return all destinations of the traced program in order, with repetitions."""
    found = []
    for line in output.read_text(errors="replace").splitlines():
        if not _SENT.match(line):
            continue
        for port, four, six in _INTERNET.findall(line):
            if int(port) != 0:  # getaddrinfo connects to port 0 to query the routing table; nothing is sent
                found.append(Destination(four or six, int(port)))
        found += [Destination(path, 0) for path in _LOCAL.findall(line)]
    return found
