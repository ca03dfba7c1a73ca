"""Whom a program speaks to over the network, as the kernel sees it: its calls traced by `strace`."""

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
"""DNS, DNS over TLS, multicast DNS."""
_RESOLVER_SOCKETS: Final = ("nscd", "resolve", "avahi")
"""Parts of the paths of local sockets that look names up: nscd's, systemd-resolved's, Avahi's."""
_SENT: Final = re.compile(r"^\d+\s+(?:connect|sendto|sendmsg|sendmmsg)\(")
_INTERNET: Final = re.compile(
    r"sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?"
    r'(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")'
)
_LOCAL: Final = re.compile(r'sa_family=AF_UNIX, sun_path=@?"([^"]+)"')


@dataclass(frozen=True)
class Destination:
    """Where something was sent: an address with its port, or a local socket's path with port 0."""

    address: str
    port: int

    @property
    def is_lookup(self) -> bool:
        """Whether it is something that looks names up."""
        if self.port == 0:
            return any(part in self.address for part in _RESOLVER_SOCKETS)
        return self.port in _RESOLVER_PORTS

    @property
    def is_local(self) -> bool:
        """Whether it is a socket of this machine: nothing that is sent there leaves it by itself."""
        return self.port == 0 or ipaddress.ip_address(self.address).is_loopback


def why_not_traceable() -> str | None:
    """Why no program can be traced here; None where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed (Debian package strace)"
    tried = subprocess.run([*tracer(Path("/dev/null")), "true"], capture_output=True, text=True, check=False)  # noqa: S603
    return None if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()}"


def tracer(output: Path) -> Sequence[str]:
    """The words to put before a command so that its network calls, and those of all its children, are written to
    `output`. The process is the command itself, so signals reach it; strace watches from a process of its own and ends
    with the last that it watches."""
    # Only these calls are stopped (seccomp), so that computing is not slowed; no content is written (-s 0).
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    return ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-s", "0", "-e", calls, "-o", str(output))


def destinations(output: Path) -> list[Destination]:
    """All to which the traced program connected or sent, in order, with repetitions."""
    found = []
    for line in output.read_text(errors="replace").splitlines():
        if not _SENT.match(line):
            continue
        for port, four, six in _INTERNET.findall(line):
            if int(port) != 0:  # getaddrinfo asks the routing table by connecting to port 0: nothing is sent
                found.append(Destination(four or six, int(port)))
        found += [Destination(path, 0) for path in _LOCAL.findall(line)]
    return found
