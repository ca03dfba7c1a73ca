"""Runs `voxport serve`: the HTTP server, and the worker processes beside it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

import click
import uvicorn

import voxport
from voxport.billing.money import to_micro
from voxport.gateway import Gateway, open_gateway
from voxport.jobs.pools import pools_of_workers
from voxport.migrations.migrate import migrate_in_child
from voxport.settings import Settings
from voxport.supervisor import supervised_workers
from voxport.telemetry.tracing import start_tracing, stop_tracing

if TYPE_CHECKING:
    from voxport.tls.server import ServerTls

INITIAL_CREDITS = Decimal(100)
_SHUTDOWN_TIMEOUT_SECONDS = 30
_LAST_SPANS_SECONDS = 2.0
_MAX_ACCEPTED = 4_096
"""Of one listener at the stop: more than wait at one, so that a flood does not hold the stop up."""
_ACCEPTING_TURNS, _ACCEPTING_SECONDS = 5, 0.004
"""Until the connections that were accepted last are known to the server, which then ends them: that takes some turns of
the loop, however long each is."""
_MIN_OPEN_FILES = 65_536
_TICKS_BETWEEN_REFRESHES = 600  # uvicorn's ticks: a minute


def run_server(
    settings: Settings,
    listener: socket.socket,
    *,
    workers: int,
    on_stop: Callable[[], None],
    tls: ServerTls | None = None,
) -> None:
    """Serve until a signal stops the server, with `workers` workers beside it; `on_stop` is called in the signal
    handler. Raises ConfigError."""
    migrate_in_child(settings.data_dir, settings.resolved_database_url)
    start_tracing(
        settings.otel_endpoint,
        process="api",
        version=voxport.__version__,
        is_propagated=settings.otel_propagate_to_providers,
    )
    gateway = open_gateway(settings)
    # The engine loads on the second core while this process imports the application.
    gateway.providers.start()
    _bootstrap(gateway)
    from voxport.app import create_app

    app = create_app(settings, gateway=gateway)
    from voxport.web.protocol import server_config

    _allow_many_files()
    config = server_config(
        app,
        settings,
        timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_SECONDS,
        ssl_context_factory=None if tls is None else lambda *_: tls.context,
    )
    server = GatewayServer(config, app.state.streams, on_stop, tls)
    click.echo(f"Voxport listens on {settings.public_url} (in a browser: {settings.public_url}/studio)", err=True)
    for note in tls.notes(settings.public_url) if tls is not None else ():
        click.echo(note, err=True)
    # After draining, uvicorn raises the signal again: it must end this function, not the process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    queues = [",".join(pools) for pools in pools_of_workers(workers)]
    if workers > 1:
        click.echo("Workers: " + "; ".join(f"{number} takes {one}" for number, one in enumerate(queues, 1)), err=True)
    try:
        with supervised_workers(settings, queues):
            server.run(sockets=[listener])
    finally:
        stop_tracing(seconds=_LAST_SPANS_SECONDS)


class Streams(Protocol):
    """Responses that do not end by themselves."""

    def close(self) -> None:
        """End them all. Called in the event loop."""


class GatewayServer(uvicorn.Server):
    """A server that closes its `streams` first at shutdown, and that takes a renewed certificate while it runs."""

    def __init__(
        self,
        config: uvicorn.Config,
        streams: Iterable[Streams],
        on_stop: Callable[[], None],
        tls: ServerTls | None = None,
    ) -> None:
        super().__init__(config)
        self._streams = tuple(streams)
        self._on_stop = on_stop
        self._tls = tls

    async def on_tick(self, counter: int) -> bool:
        if self._tls is not None and counter % _TICKS_BETWEEN_REFRESHES == _TICKS_BETWEEN_REFRESHES - 1:
            self._tls.refresh()
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_stop()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for streams in self._streams:
            streams.close()
        # Clients that have connected are accepted first: closing the listener resets their connections. The loop would
        # do it in turns, between which more come on a busy machine.
        accepted = [connection for listener in sockets or [] for connection in _accepted(listener)]
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        serving = [asyncio.create_task(self._serve_accepted(connection)) for connection in accepted]
        for _ in range(_ACCEPTING_TURNS):
            await asyncio.sleep(_ACCEPTING_SECONDS)
        await super().shutdown()
        for one in serving:
            one.cancel()

    async def _serve_accepted(self, connection: socket.socket) -> None:
        """Serve a client that this server accepted itself."""
        protocol_class: Any = self.config.http_protocol_class
        protocol = functools.partial(
            protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        with contextlib.suppress(OSError):  # it has gone
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(protocol, connection, ssl=self.config.ssl)


def _accepted(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept the clients that wait at a listener, which does not block."""
    with contextlib.suppress(OSError):  # nobody waits
        for _ in range(_MAX_ACCEPTED):
            connection, _ = listener.accept()
            connection.setblocking(False)
            yield connection


def _allow_many_files() -> None:
    """Raise the limit of open files: idle clients can exhaust the usual 1,024."""
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft_limit < _MIN_OPEN_FILES and (hard_limit == resource.RLIM_INFINITY or hard_limit > soft_limit):
        wanted = _MIN_OPEN_FILES if hard_limit == resource.RLIM_INFINITY else min(_MIN_OPEN_FILES, hard_limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard_limit))


def _bootstrap(gateway: Gateway) -> None:
    """Create a profile with credits and a key if there is none."""
    chosen = gateway.settings.bootstrap_key
    with gateway.database.transaction() as tx:
        if not gateway.accounts.is_empty(tx):
            click.echo(
                "Keys: voxport admin keys list shows them, voxport admin keys create PROFILE makes another.", err=True
            )
            return
        profile = gateway.accounts.create_profile(tx, "Default")
        gateway.billing.add_credits(tx, profile.id, to_micro(INITIAL_CREDITS), note="first start")
        _, key = gateway.accounts.create_key(
            tx, profile.id, "first start", key=chosen.get_secret_value() if chosen else None
        )
    # The key is shown only once, on standard output and never in the log. A key chosen by the operator is not shown.
    if chosen is None:
        click.echo(f"API key: {key}")
