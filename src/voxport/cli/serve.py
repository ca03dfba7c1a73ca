"""`voxport serve` and `voxport worker`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from voxport.cli.common import data_dir_option, load_settings, require_gateway
from voxport.cli.local_gateway import ADDRESS_FILE, ENDING, LOCK_FILE
from voxport.errors import Invalid
from voxport.jobs.pools import POOLS, parse_pools
from voxport.logs import configure_logging
from voxport.malloc_tuning import limit_malloc_growth

if TYPE_CHECKING:
    from voxport.settings import Settings
    from voxport.tls.server import ServerTls

_MAX_WAIT_SECONDS: Final = 60.0
"""How long to wait for an ending server: its calls have 30 s (`serving.py`), its worker 15 s more (`supervisor.py`)."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@data_dir_option
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 32),
    help="Worker processes beside the API. One takes all jobs; of several the first takes those of the local engine, "
    "the others those of hosted providers.",
)
@click.option("--no-worker", is_flag=True, help="HTTP only: run `voxport worker` elsewhere on the same data.")
@click.option(
    "--tls/--no-tls", default=None, help="Speak https, with a certificate that is made in the data folder, or not."
)
@click.option("--tls-certificate", type=click.Path(path_type=Path), help="PEM file of a certificate of your own.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="PEM file of its key.")
@click.option("--fd", type=click.IntRange(3), hidden=True, help="Listen on this inherited socket.")
def serve(
    host: str,
    port: int,
    data_dir: Path | None,
    workers: int,
    no_worker: bool,
    tls: bool | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    fd: int | None,
) -> None:
    """Start the gateway: the HTTP API and a worker beside it.

    \b
    Examples:
      voxport serve
      voxport serve --host 0.0.0.0 --port 9000 --data-dir /srv/voxport

    The first start makes a profile with 100 tokens and prints its API key, once. VOXPORT_BOOTSTRAP_KEY sets that key
    instead. Logs go to standard error.
    """
    settings = load_settings(data_dir, tls=tls, tls_certificate=tls_certificate, tls_key=tls_key)
    if tls is False:
        settings = settings.model_copy(update={"tls_certificate": None, "tls_key": None})
    configure_logging(settings.log_level)
    limit_malloc_growth()
    # The system releases the lock when this process ends, even after a crash.
    lock = None if no_worker else _acquire_serve_lock(settings.data_dir)
    server_tls = _open_tls(settings, host)
    listener = _listen(host, port) if fd is None else _inherited(fd)
    port = listener.getsockname()[1]
    if "public_url" not in settings.model_fields_set:
        reachable = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104
        if server_tls is not None:
            reachable = server_tls.public_host()
        shown = f"[{reachable}]" if ":" in reachable else reachable
        scheme = "http" if server_tls is None else "https"
        settings = settings.model_copy(update={"public_url": f"{scheme}://{shown}:{port}"})
    if lock is not None:
        _write_address(settings.data_dir / ADDRESS_FILE, settings.public_url)
    from voxport.serving import run_server

    run_server(
        settings,
        listener,
        workers=0 if no_worker else workers,
        on_stop=partial(_announce_ending, lock, settings.data_dir),
        tls=server_tls,
    )


@click.command()
@data_dir_option
@click.option(
    "--queues",
    default=",".join(POOLS),
    show_default=True,
    callback=lambda _, __, value: _parse_queues(value),
    help="Which jobs to take: `engine`, those of the local engine, which need the processor; `network`, those of "
    "hosted providers, which wait for answers.",
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    help="Serve GET /metrics there; VOXPORT_WORKER_METRICS_HOST is its address (127.0.0.1).",
)
def worker(data_dir: Path | None, queues: tuple[str, ...], with_parent: bool, metrics_port: int | None) -> None:
    """Run jobs, without HTTP. `voxport serve` starts one by itself; more may run beside it on the same data.

    \b
    Examples:
      voxport worker --data-dir /srv/voxport
      voxport worker --queues network

    With Postgres, workers may run on many machines. Some with `--queues network` keep calls to hosted providers going
    while those with `--queues engine` fit voices. Each queue needs a worker that takes it. At SIGTERM a worker ends the
    paid calls under way, for 12 s at most, and hands its other jobs to other workers at once.
    """
    settings = load_settings(data_dir)
    if not with_parent:
        require_gateway(settings)
    configure_logging(settings.log_level)
    limit_malloc_growth()
    if metrics_port is not None:
        settings = settings.model_copy(update={"worker_metrics_port": metrics_port})
    from voxport.worker import run_worker

    run_worker(settings, pools=queues, with_parent=with_parent)


def _open_tls(settings: Settings, host: str) -> ServerTls | None:
    """Raises Invalid."""
    if not settings.uses_tls:
        return None
    from voxport.tls.server import open_server_tls  # loads a library that plain HTTP does not need

    return open_server_tls(settings, host)


def _parse_queues(value: str) -> tuple[str, ...]:
    try:
        return parse_pools(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _acquire_serve_lock(data_dir: Path, *, max_wait_seconds: float = _MAX_WAIT_SECONDS) -> int:
    """Take the lock that allows one server with a worker in this folder, waiting for a server that is ending. Returns
    its file descriptor. Raises Invalid if another server runs, or if the folder can't be created or written to."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Invalid(
            f"{data_dir} can't be used as the data folder: {error.strerror}. Name another one with --data-dir or "
            "VOXPORT_DATA_DIR."
        ) from None
    deadline = time.monotonic() + max_wait_seconds
    is_announced = False
    while not _try_lock(descriptor):
        if os.pread(descriptor, len(ENDING), 0) != ENDING or time.monotonic() > deadline:
            os.close(descriptor)
            raise Invalid(
                f"Another voxport serve runs on {data_dir}. Stop it, or start this one with --no-worker: HTTP beside "
                "it."
            )
        if not is_announced:
            is_announced = True
            click.echo(
                f"Waiting up to {max_wait_seconds:g} s for another voxport serve on {data_dir}, which is ending.",
                err=True,
            )
        time.sleep(0.1)
    _remove_address(data_dir)  # of one that was killed
    os.ftruncate(descriptor, 0)
    return descriptor


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _announce_ending(lock: int | None, data_dir: Path) -> None:
    """Tell the next server to wait for this one, and commands not to call it. Ignores OSError: a full disk must not
    keep this one from ending."""
    if lock is not None:
        with contextlib.suppress(OSError):
            os.pwrite(lock, ENDING, 0)
        _remove_address(data_dir)


def _write_address(path: Path, url: str) -> None:
    """Say for `voxport studio` where the server of this folder listens. Ignores OSError: a full disk must not keep the
    server from starting."""
    with contextlib.suppress(OSError):
        path.write_text(f"{url}\n", "utf-8")


def _remove_address(data_dir: Path) -> None:
    with contextlib.suppress(OSError):
        (data_dir / ADDRESS_FILE).unlink(missing_ok=True)


def _inherited(fd: int) -> socket.socket:
    """Raises Invalid."""
    try:
        listener = socket.socket(fileno=fd)
        listener.getsockname()
        listener.set_inheritable(False)
    except OSError as error:
        raise Invalid(f"{fd} is no open socket: {error.strerror}.") from None
    return listener


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # At once: with SO_REUSEADDR another user could listen there before the server does, and get keys.
        listener.listen()
    except OSError as error:
        raise Invalid(f"{host} port {port} can't be listened on: {error.strerror}. Try --port 0.") from None
    return listener
