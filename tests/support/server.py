"""A gateway behind a real socket: in this process without the engine, or whole as a user starts it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support import backend
from tests.support.client import GatewayClient
from voxport.testing.doubles.server import PromptServer
from voxport.web.protocol import Timeouts, server_config

_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", *backend.SERVERS)


def environment(**values: str) -> dict[str, str]:
    """An environment for child processes without the machine's own settings."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, **values}


def run_cli(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Runs `voxport ARGUMENTS` in `cwd`, whose .env file it reads if there is one, and captures its output. If `env`
    names another data folder than the arguments, it also has to name its database."""
    return subprocess.run(
        [sys.executable, "-m", "voxport", *arguments],
        cwd=cwd,
        env=environment(**{**backend.environment_of_command(arguments, cwd), **(env or {})}),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@contextlib.contextmanager
def serving(client: GatewayClient, timeouts: Timeouts | None = None, **more: Any) -> Iterator[int]:
    """Serves the client's gateway on a port of 127.0.0.1 as `voxport serve` does. Yields the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    with serving_on(listener, client, timeouts, **more):
        yield listener.getsockname()[1]


@contextlib.contextmanager
def serving_on(
    listener: socket.socket, client: GatewayClient, timeouts: Timeouts | None = None, **more: Any
) -> Iterator[None]:
    """Serves the client's gateway on a socket that listens already, so that its settings may name the port. `more` are
    further options of uvicorn."""
    config = server_config(client.app, client.gateway.settings, timeouts=timeouts, lifespan="off", **more)
    server = PromptServer(config, grace_seconds=20)
    with server.running(listener):
        yield


def wait_until(condition: Any, *, seconds: float, what: str) -> None:
    """Polls `condition` every 20 ms until it is true. Fails after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what} did not come within {seconds:g} s"
        time.sleep(0.02)


def send_raw(port: int, *sent: bytes, seconds: float = 20) -> bytes:
    """Sends the pieces unchanged and returns what is received until the server closes or one response is complete."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        for piece in sent:
            try:
                connection.sendall(piece)
            except OSError:  # the server refused and hung up: its response may still be readable
                break
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while not _is_whole(received):
                data = connection.recv(65_536)
                if not data:
                    break
                received += data
        return received


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return bool(end) and length is not None and len(body) >= int(length[1])
