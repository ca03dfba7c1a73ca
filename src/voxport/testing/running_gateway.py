"""Runs a gateway: the real command in its own processes, on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from voxport.tls.trust import local_trust

# Settings that remove all limits on the rate and amount of one caller's requests.
NO_LIMITS = dict.fromkeys(
    (
        "rate_limit_per_second",
        "rate_limit_strangers_per_minute",
        "rate_limit_address_per_second",
        "clones_per_hour",
        "clones_per_day",
        "max_open_jobs",
        "max_stored_bytes",
    ),
    0,
)
more_settings: Callable[[Path], dict[str, str]] | None = None
"""Returns further variables for a gateway with this data folder. A test run sets it, to place the data elsewhere."""
_READY_SECONDS = 180.0
_STOP_SECONDS = 60.0


class GatewayFailed(Exception):
    """The gateway did not start. The message contains its log."""


@dataclass(frozen=True)
class LiveGateway:
    """A running gateway. `key` is empty if it printed none because its data folder already had a profile. `settings`
    are the variables that it was started with."""

    process: subprocess.Popen[bytes]
    url: str
    key: str
    data_dir: Path
    stdout: Path
    stderr: Path
    settings: dict[str, str]

    def client(self, timeout: float = 300) -> httpx2.Client:
        """Return a client that sends the key. `timeout` is in seconds."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=timeout, verify=local_trust(self.data_dir))


@contextlib.contextmanager
def running_gateway(
    folder: Path, *arguments: str, ready: bool = True, wrapper: Sequence[str] = (), **settings: str
) -> Iterator[LiveGateway]:
    """Run `voxport serve` on a free port until the end of the block, with its data and output under `folder`.

    Waits until it is ready, or with `ready` False until it responds. `wrapper` precedes the command. The process
    inherits no `VOXPORT_…` variable; it gets `settings`, and NO_LIMITS for those not given, since all callers of a test
    share one address. Raises GatewayFailed.
    """
    data_dir, stdout, stderr = folder / "data", folder / "stdout.txt", folder / "stderr.txt"
    command = ["serve", "--port", "0", "--data-dir", str(data_dir), *arguments]
    unlimited = {f"VOXPORT_{name.upper()}": str(value) for name, value in NO_LIMITS.items()}
    given = {**unlimited, **placed_data(data_dir), **settings}
    with running_command(command, folder, stdout, stderr, wrapper=wrapper, **given) as process:
        url = _wait_for(process, stderr, "/readyz" if ready else "/healthz", data_dir)
        found = re.search(r"^API key: (vxp_\S+)$", stdout.read_text(), re.MULTILINE)
        yield LiveGateway(process, url, found[1] if found else "", data_dir, stdout, stderr, given)


def placed_data(data_dir: Path) -> dict[str, str]:
    """Return the variables that place the data of a gateway in this folder elsewhere; none unless a test run does."""
    return more_settings(data_dir) if more_settings is not None else {}


@contextlib.contextmanager
def running_command(
    arguments: list[str],
    folder: Path,
    stdout: Path,
    stderr: Path,
    *,
    wrapper: Sequence[str] = (),
    **settings: str,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `voxport ARGUMENTS` in `folder` as a process of its own. It gets SIGTERM at the end of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("VOXPORT_")}
    with stdout.open("wb") as out, stderr.open("wb") as err:
        process = subprocess.Popen(  # noqa: S603  # our own program
            [*wrapper, sys.executable, "-m", "voxport", *arguments],
            cwd=folder,
            env={**inherited, **settings},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], stderr: Path, path: str, data_dir: Path) -> str:
    """Return the gateway's URL as soon as `path` responds with 200. Raises GatewayFailed."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listens on (https?://\S+)", stderr.read_text())
        if found is not None:
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(found[1] + path, timeout=10, verify=local_trust(data_dir)).status_code == 200:
                    return found[1]
        time.sleep(0.05)
    raise GatewayFailed(f"The gateway did not start. It said:\n{stderr.read_text()}")
