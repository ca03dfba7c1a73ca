"""`voxport serve` and `voxport worker`."""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import click
import uvicorn

from voxport.app import create_app
from voxport.billing.money import to_micro
from voxport.cli.common import data_dir_option, load_settings
from voxport.errors import Invalid
from voxport.gateway import Gateway, open_gateway
from voxport.jobs.feed import Feed
from voxport.logs import configure_logging
from voxport.memory import keep_small
from voxport.settings import Settings
from voxport.web.protocol import server_config
from voxport.worker import run_worker

FIRST_CREDITS = Decimal(100)
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STOP_SECONDS = 15.0
_DRAIN_SECONDS = 30
_HEALTHY_SECONDS = 60.0
_FILES = 65_536
_log = logging.getLogger("voxport.serve")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@data_dir_option
@click.option("--no-worker", is_flag=True, help="HTTP only: run `voxport worker` elsewhere on the same data.")
def serve(host: str, port: int, data_dir: Path | None, no_worker: bool) -> None:
    """Start the gateway: the HTTP API and a worker beside it.

    The first start makes a profile with 100 tokens and prints its API key, once. VOXPORT_BOOTSTRAP_KEY sets that key
    instead. Logs go to standard error.
    """
    settings = load_settings(data_dir)
    configure_logging(settings.log_level)
    keep_small()
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    if "public_url" not in settings.model_fields_set:
        reachable = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104
        shown = f"[{reachable}]" if ":" in reachable else reachable
        settings = settings.model_copy(update={"public_url": f"http://{shown}:{port}"})
    gateway = open_gateway(settings)
    _bootstrap(gateway)
    app = create_app(settings, gateway=gateway)
    _allow_many_files()
    server = _Server(server_config(app, settings, timeout_graceful_shutdown=_DRAIN_SECONDS), app.state.feed)
    click.echo(f"Voxport listens on {settings.public_url} (try {settings.public_url}/docs)", err=True)
    # uvicorn drains, and then sends itself the signal again: it must end this function, not the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.nullcontext() if no_worker else _worker_beside(settings):
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """When it stops it ends the streams of events first, which have no end of their own."""

    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await super().shutdown(sockets)


@click.command()
@data_dir_option
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
def worker(data_dir: Path | None, with_parent: bool) -> None:
    """Run jobs, without HTTP. `voxport serve` starts one by itself; more may run beside it on the same data."""
    settings = load_settings(data_dir)
    configure_logging(settings.log_level)
    keep_small()
    run_worker(settings, with_parent=with_parent)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise Invalid(f"{host} port {port} can't be listened on: {error.strerror}. Try --port 0.") from None
    return listener


def _allow_many_files() -> None:
    """The usual 1,024 are soon taken by clients that say nothing."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= now < _FILES and (most == resource.RLIM_INFINITY or most > now):
        wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _bootstrap(gateway: Gateway) -> None:
    """Where there is no profile, make one with credits and a key."""
    chosen = gateway.settings.bootstrap_key
    with gateway.database.transaction() as tx:
        if not gateway.accounts.is_empty(tx):
            return
        profile = gateway.accounts.create_profile(tx, "Default")
        gateway.billing.add_credits(tx, profile.id, to_micro(FIRST_CREDITS), note="first start")
        _, key = gateway.accounts.create_key(
            tx, profile.id, "first start", key=chosen.get_secret_value() if chosen else None
        )
    # Standard output, never the log: the key is shown this once. One that the operator chose is not repeated.
    if chosen is None:
        click.echo(f"API key: {key}")


@contextlib.contextmanager
def _worker_beside(settings: Settings) -> Iterator[None]:
    """A worker process that is started again when it dies, and ends with this block or with this process."""
    stopping = threading.Event()
    supervisor = threading.Thread(target=_supervise, args=(settings, stopping), name="supervisor")
    supervisor.start()
    try:
        yield
    finally:
        stopping.set()
        supervisor.join()


def _supervise(settings: Settings, stopping: threading.Event) -> None:
    pause = _FIRST_PAUSE_SECONDS
    while not stopping.is_set():
        began = time.monotonic()
        try:
            child = _start_worker(settings)
        except OSError:
            _log.exception("the worker could not be started")
        else:
            while child.poll() is None and not stopping.wait(0.2):
                pass
            if stopping.is_set():
                _stop(child)
                return
            _log.error("the worker died and is started again", extra={"exit_code": child.returncode})
        if time.monotonic() - began > _HEALTHY_SECONDS:
            pause = _FIRST_PAUSE_SECONDS
        stopping.wait(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def _start_worker(settings: Settings) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "voxport",
        "worker",
        "--with-parent",
        "--data-dir",
        str(settings.data_dir),
    ]
    # The worker signs nothing that a client sees, but it must know the same URLs.
    environment = {**os.environ, "VOXPORT_PUBLIC_URL": settings.public_url}
    return subprocess.Popen(  # noqa: S603  # our own program
        command, stdin=subprocess.PIPE, stdout=sys.stderr, env=environment, start_new_session=True
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
