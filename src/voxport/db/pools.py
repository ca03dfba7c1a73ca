"""Engines for Postgres whose connections notice a server that died, or that the network cut off, within ten seconds."""

from __future__ import annotations

import select
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import NullPool

CONNECT_SECONDS: Final = 5
LOCK_SECONDS: Final = 10.0  # how long a statement waits for a row that another transaction holds
IDLE_IN_TRANSACTION_SECONDS: Final = 60.0  # a process that is stopped inside a transaction holds its locks no longer
_DEAD_PEER_SECONDS: Final = 10
_KEEPALIVES: Final = {"idle": 4, "interval": 2, "count": 3}  # the third lost probe: after 4 + 3 * 2 s


def pooled_engine(
    url: str, *, name: str, pool_size: int, pool_timeout: float, statement_timeout: float | None = None
) -> Engine:
    """Create an engine with at most `pool_size` connections; a caller waits up to `pool_timeout` seconds for one.
    `name` is shown in `pg_stat_activity`.

    With `statement_timeout` (seconds) the server bounds each statement, each wait for a lock (LOCK_SECONDS), and each
    pause inside a transaction (IDLE_IN_TRANSACTION_SECONDS). Without it there are no bounds."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
        pool_use_lifo=True,  # a few warm connections in place of many cold ones
        hide_parameters=True,  # errors are logged, and parameters contain texts and URLs
        connect_args=_connect_args(url, name, statement_timeout),
    )
    event.listen(engine, "checkout", _refuse_closed)
    return engine


def unpooled_engine(url: str, *, name: str, **options: Any) -> Engine:
    """Create an engine that opens a connection for each use, without bounds on its statements."""
    arguments = _connect_args(url, name)
    return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=arguments, **options)


def lift_bounds(*, is_migration: bool = False) -> str:
    """Return the statement that frees the current transaction from the bounds of `pooled_engine`; for a migration also
    from that on locks, because it waits for other processes that migrate."""
    names = ["statement_timeout", "idle_in_transaction_session_timeout", *(["lock_timeout"] if is_migration else [])]
    return "SELECT " + ", ".join(f"set_config('{name}', '0', true)" for name in names)


def _connect_args(url: str, name: str, statement_timeout: float | None = None) -> dict[str, Any]:
    """Return libpq's parameters. Those that the URL has itself take precedence."""
    given = make_url(url).query
    arguments: dict[str, Any] = {
        "application_name": name,
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": _KEEPALIVES["idle"],
        "keepalives_interval": _KEEPALIVES["interval"],
        "keepalives_count": _KEEPALIVES["count"],
        "tcp_user_timeout": _DEAD_PEER_SECONDS * 1000,
    }
    # The server looks for dead clients too: the leases of a host that was cut off are free after the same time.
    options = {f"tcp_keepalives_{name}": str(value) for name, value in _KEEPALIVES.items()}
    options["tcp_user_timeout"] = str(_DEAD_PEER_SECONDS * 1000)
    if statement_timeout is not None:
        options["statement_timeout"] = _milliseconds(statement_timeout)
        options["lock_timeout"] = _milliseconds(LOCK_SECONDS)
        options["idle_in_transaction_session_timeout"] = _milliseconds(IDLE_IN_TRANSACTION_SECONDS)
    own = given.get("options", "")
    ours = " ".join(f"-c {name}={value}" for name, value in options.items())
    return {
        **{name: value for name, value in arguments.items() if name not in given},
        "options": f"{ours} {own if isinstance(own, str) else ' '.join(own)}".strip(),
    }


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _refuse_closed(connection: Any, *_: object) -> None:
    """Replace all pooled connections if the server has closed this one, as it does when it restarts.

    An idle connection has nothing to read, except the server's farewell. Asking the kernel costs two microseconds; a
    query (`pool_pre_ping`) would cost a round trip for each transaction."""
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
        is_closed = bool(poll.poll(0))
    except Exception:  # psycopg refuses to name the descriptor of a connection that it knows to be closed
        is_closed = True
    if is_closed:
        raise InvalidatePoolError("the server closed the connection")
