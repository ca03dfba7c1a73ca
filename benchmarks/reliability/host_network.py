"""Hosts on one machine: Linux network namespaces, joined by a bridge, from which nothing leads anywhere else.

They are made inside namespaces of a process of their own (network, mounts, processes), so the machine's network is not
touched. The kernel removes all of them, with every process in them, when that process ends, however it ends. Needs root
and iproute2.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

OWN_ADDRESS: Final = "10.99.0.1"
"""The address of the process that makes the hosts."""
NETWORK: Final = "10.99.0.0/24"
_BRIDGE: Final = "hosts"
_INSIDE: Final = "VOXPORT_HOSTS_INSIDE"
_UNSHARE: Final = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_PROGRAMS: Final = ("unshare", "ip", "mount", "setpriv")


@dataclass(frozen=True)
class Host:
    name: str
    address: str

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What precedes a command that is to run on this host."""
        return ("ip", "netns", "exec", self.name)

    def cut_off(self) -> None:
        """Take its link down: packets are lost, and no connection is closed."""
        _run("ip", "link", "set", self.name, "down")

    def reconnect(self) -> None:
        _run("ip", "link", "set", self.name, "up")

    @contextlib.contextmanager
    def isolated(self) -> Iterator[None]:
        self.cut_off()
        try:
            yield
        finally:
            self.reconnect()


def missing_for_hosts() -> str | None:
    """Return why hosts can't be made here, or None."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"there is no {missing[0]}"
    script = f"mount -t tmpfs tmpfs /run && mkdir /run/netns && ip netns add one && ip link add {_BRIDGE} type bridge"
    tried = subprocess.run([*_UNSHARE, "sh", "-c", script], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"network namespaces can't be made: {tried.stderr.strip()}"


def is_inside() -> bool:
    """Whether this process is one that may make hosts."""
    return _INSIDE in os.environ


def run_inside(arguments: Sequence[str]) -> int:
    """Run python with these arguments where hosts can be made; returns its exit code. It ends with this process."""
    environment = {**os.environ, _INSIDE: "1"}
    return subprocess.run([*_UNSHARE, sys.executable, *arguments], env=environment, check=False).returncode


class HostNetwork:
    """Makes hosts. One per process, which must be inside."""

    def __init__(self) -> None:
        _run("mount", "-t", "tmpfs", "tmpfs", "/run")  # of these mounts only; `ip netns` keeps its files there
        _run("ip", "link", "set", "lo", "up")
        _run("ip", "link", "add", _BRIDGE, "type", "bridge")
        _run("ip", "addr", "add", f"{OWN_ADDRESS}/24", "dev", _BRIDGE)
        _run("ip", "link", "set", _BRIDGE, "up")
        self._count = 0

    def add(self, name: str) -> Host:
        self._count += 1
        host = Host(name, f"10.99.0.{10 + self._count}")
        _run("ip", "netns", "add", name)
        _run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        _run("ip", "link", "set", name, "master", _BRIDGE, "up")
        _run("ip", "-n", name, "addr", "add", f"{host.address}/24", "dev", "eth0")
        _run("ip", "-n", name, "link", "set", "lo", "up")
        _run("ip", "-n", name, "link", "set", "eth0", "up")
        return host


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
