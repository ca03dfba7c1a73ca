"""A gateway of one's own: the real command in processes of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx2

_READY_SECONDS = 180.0
_STOP_SECONDS = 30.0


class GatewayFailed(Exception):
    """The gateway did not start; the message holds its log."""


@dataclass(frozen=True)
class Live:
    """A running gateway. `key` is None where the data folder had a profile before."""

    address: str
    key: str | None
    pid: int
    data_dir: Path
    log: Path


@contextlib.contextmanager
def running_gateway(folder: Path, *, worker: bool = True, settings: Mapping[str, str] | None = None) -> Iterator[Live]:
    """Start `voxport serve` with its data and its log under `folder`, wait until it is ready, and stop it at the end.
    No `VOXPORT_…` variable of the environment gets in, only those of `settings`. Raises GatewayFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    data_dir, log_path = folder / "data", folder / "gateway.log"
    command = ["serve", "--port", "0", "--data-dir", str(data_dir), *([] if worker else ["--no-worker"])]
    with log_path.open("wb") as log, command_process(command, folder, log, settings or {}) as process:
        address = _wait_until_ready(process, log_path)
        assert process.stdout is not None
        # Ready means that whatever is printed at the start is in the pipe.
        os.set_blocking(process.stdout.fileno(), False)
        printed = (process.stdout.read() or b"").decode()
        found = re.search(r"^API key: (vxp_\S+)$", printed, re.MULTILINE)
        yield Live(address, found[1] if found else None, process.pid, data_dir, log_path)


@contextlib.contextmanager
def command_process(
    arguments: list[str], folder: Path, log: IO[bytes], settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """`voxport ARGUMENTS` as a process of its own, ended with SIGTERM when the block ends."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOXPORT_")}
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", "voxport", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**environment, **settings},
        cwd=folder,
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
        if process.stdout is not None:
            process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[bytes], log_path: Path) -> str:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listens on (http://\S+)", log_path.read_text())
        if found is not None:
            with contextlib.suppress(httpx2.HTTPError):
                if httpx2.get(f"{found[1]}/readyz", timeout=5).status_code == 200:
                    return found[1]
        time.sleep(0.1)
    raise GatewayFailed(f"The gateway did not become ready. Its log:\n{log_path.read_text()}")
