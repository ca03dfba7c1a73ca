"""Leases of processes on many machines: a row each, which its holder renews every two seconds.

A lease is taken over once its row has expired by the clock of the database: its holder is dead, frozen or cut off. The
session of a live process also holds an advisory lock on the process's name. A killed process loses it at once, so that
its lease can be taken over as soon as one renewal is overdue, without waiting for its expiry. Version 0.1 has the
advisory lock and no row.

Nobody takes anything over shortly after the database has started or this process has reached it again: the holders may
be as alive, and only about to renew.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from voxport.db.lease import LeaseLost

LEASE_SECONDS: Final = 6.0
RENEW_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 3.0
"""How long ago the last renewal of a process is that has lost its session, until it counts as dead."""
_RETRY_SECONDS: Final = 0.3  # after a failed renewal
_STATEMENT_TIMEOUT: Final = 5_000  # milliseconds
_log = logging.getLogger("voxport.leases")

# A row's holder is dead. Used inside the statements below, with their parameters.
_IS_DEAD: Final = (
    "(expires_at < clock_timestamp() OR :is_session_gone AND expires_at < clock_timestamp() + :quiet * interval '1 s') "
    "AND pg_postmaster_start_time() < clock_timestamp() - :lease * interval '1 s'"
)
# FOR UPDATE conflicts with the lock of a transaction that is fenced by the lease (`fence.py`). Such a row is
# skipped, and taken in a later attempt.
_ACQUIRE: Final = text(
    "WITH taken AS (UPDATE leases SET token = :token, expires_at = clock_timestamp() + :lease * interval '1 s' "  # noqa: S608  # constants
    "WHERE name = (SELECT name FROM leases WHERE name = :name AND :may_take AND "
    + _IS_DEAD
    + " FOR UPDATE SKIP LOCKED) RETURNING 1), "
    "added AS (INSERT INTO leases (name, token, expires_at) "
    "SELECT :name, :token, clock_timestamp() + :lease * interval '1 s' WHERE :may_add "
    "ON CONFLICT DO NOTHING RETURNING 1) "
    "SELECT (SELECT count(*) FROM taken) + (SELECT count(*) FROM added)"
).bindparams(lease=LEASE_SECONDS, quiet=LEASE_SECONDS - SILENT_SECONDS)
_RENEW: Final = text(
    "UPDATE leases SET expires_at = clock_timestamp() + :lease * interval '1 s' "
    "WHERE token = :token AND name = ANY(:names) RETURNING name"
).bindparams(lease=LEASE_SECONDS)
_RELEASE: Final = text("DELETE FROM leases WHERE name = :name AND token = :token")
_IS_HELD: Final = text("SELECT NOT (" + _IS_DEAD + ") FROM leases WHERE name = :name").bindparams(  # noqa: S608  # a constant
    lease=LEASE_SECONDS, quiet=LEASE_SECONDS - SILENT_SECONDS
)
_COUNT: Final = text("SELECT count(*) FROM leases WHERE starts_with(name, :prefix) AND expires_at > clock_timestamp()")
_SWEEP: Final = text("DELETE FROM leases WHERE expires_at < clock_timestamp() - interval '1 hour'")
_TRY_LOCK: Final = text("SELECT pg_try_advisory_lock(:key)")
_UNLOCK: Final = text("SELECT pg_advisory_unlock(:key)")


class TableLeases:
    """Holds all leases of this process by one connection and one thread, which renews them by one statement."""

    def __init__(
        self, url: str, *, clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    ) -> None:
        # The clock runs on while the machine sleeps.
        self._clock = clock
        self._engine = create_engine(
            url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            # A host that was cut off gets no answer, and must notice it before its leases expire.
            connect_args={
                "application_name": "voxport-lease",
                "connect_timeout": 3,
                "tcp_user_timeout": _STATEMENT_TIMEOUT,
            },
        )
        self._token = secrets.token_hex(12)
        self._lock = threading.RLock()
        self._connection: Connection | None = None
        self._held: dict[str, TableLease] = {}
        self._renewed_at = self._clock()
        self._unsettled_until = 0.0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def try_acquire(self, name: str, on_lost: Callable[[], None], *, is_process: bool) -> TableLease | None:
        with self._lock:
            if name in self._held:
                return None
            moment, key = self._clock(), _lock_key(name)
            is_session_gone = bool(is_process and self._execute(_TRY_LOCK, key=key))
            is_acquired = self._execute(
                _ACQUIRE,
                name=name,
                token=self._token,
                may_take=moment >= self._unsettled_until,
                is_session_gone=is_session_gone,
                # A process of an older version has a session and no row.
                may_add=is_session_gone or not is_process,
            )
            if not is_acquired:
                if is_session_gone:
                    self._execute(_UNLOCK, key=key)
                return None
            lease = TableLease(self, name, self._token, moment, on_lost, is_process=is_process)
            lease.has_session_lock = is_session_gone
            self._held[name] = lease
            self._start()
            return lease

    def is_held(self, name: str) -> bool:
        with self._lock:
            if name in self._held:
                return True
            key = _lock_key(name)
            is_session_gone = bool(self._execute(_TRY_LOCK, key=key))
            if is_session_gone:
                self._execute(_UNLOCK, key=key)
            is_live = self._execute(_IS_HELD, name=name, is_session_gone=is_session_gone)
            return not is_session_gone if is_live is None else bool(is_live)

    def held(self, prefix: str) -> int:
        with self._lock:
            return int(self._execute(_COUNT, prefix=prefix))

    def sweep(self) -> int:
        with self._lock, self._connected() as connection:
            return connection.execute(_SWEEP).rowcount

    def close(self) -> None:
        self._closing.set()
        for lease in list(self._held.values()):
            lease.release()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        with self._lock:
            self._disconnect()

    def release(self, lease: TableLease) -> None:
        with self._lock:
            if self._held.get(lease.name) is not lease:
                return
            # From here on it is not renewed: if it can't be deleted now, it expires.
            del self._held[lease.name]
            try:
                self._execute(_RELEASE, name=lease.name, token=lease.token)
                if lease.has_session_lock:
                    self._execute(_UNLOCK, key=_lock_key(lease.name))
            except DBAPIError:
                _log.warning("a lease could not be released, and expires", extra={"lease": lease.name})

    def renew(self) -> None:
        """Renew all leases, and mark those lost that another process has taken. Raises the database's errors."""
        lost: list[TableLease] = []
        with self._lock:
            if not self._held:
                return
            moment = self._clock()
            with self._connected() as connection:
                names = set(connection.scalars(_RENEW, {"token": self._token, "names": list(self._held)}))
            if moment - self._renewed_at > LEASE_SECONDS:
                # All holders may have been away, as after an outage of the database.
                self._unsettled_until = self._clock() + LEASE_SECONDS
            self._renewed_at = moment
            for lease in list(self._held.values()):
                if lease.name in names:
                    lease.renewed_at = moment
                    if lease.is_process and not lease.has_session_lock:
                        lease.has_session_lock = bool(self._execute(_TRY_LOCK, key=_lock_key(lease.name)))
                else:
                    lost.append(lease)
                    lease.is_lost = True
                    del self._held[lease.name]
                    if lease.has_session_lock:
                        self._execute(_UNLOCK, key=_lock_key(lease.name))
        for lease in lost:
            _log.error("a lease is lost: another process has taken it over", extra={"lease": lease.name})
            lease.on_lost()

    def require(self, lease: TableLease) -> None:
        if not lease.is_lost and self._clock() - lease.renewed_at > LEASE_SECONDS:
            with contextlib.suppress(DBAPIError):
                self.renew()
        if lease.is_lost or self._clock() - lease.renewed_at > LEASE_SECONDS:
            raise LeaseLost(lease.name)

    def _start(self) -> None:
        if self._thread is None:
            self._renewed_at = self._clock()
            self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        pause, has_failed = RENEW_SECONDS, False
        while not self._closing.wait(pause):
            try:
                self.renew()
            except DBAPIError:
                pause = _RETRY_SECONDS
                if not has_failed:
                    _log.exception("the leases could not be renewed; trying again")
                has_failed = True
            except Exception:
                _log.exception("renewing the leases failed")
            else:
                pause, has_failed = RENEW_SECONDS, False

    def _execute(self, statement: Any, **values: Any) -> Any:
        with self._connected() as connection:
            result = connection.execute(statement, values)
            return result.scalar() if result.returns_rows else None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Yield the connection, a new one if the last statement failed."""
        if self._connection is None or self._connection.closed:
            self._connection = self._engine.connect()
            self._connection.execute(text(f"SET statement_timeout = {_STATEMENT_TIMEOUT}"))
            for lease in self._held.values():
                lease.has_session_lock = False
        try:
            yield self._connection
        except BaseException:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.close()


class TableLease:
    def __init__(
        self,
        store: TableLeases,
        name: str,
        token: str,
        renewed_at: float,
        on_lost: Callable[[], None],
        *,
        is_process: bool,
    ) -> None:
        self._store = store
        self.name: Final = name
        self.token: Final = token
        self.renewed_at = renewed_at
        self.on_lost = on_lost
        self.is_process = is_process
        self.has_session_lock = False
        self.is_lost = False

    def require(self) -> None:
        self._store.require(self)

    def release(self) -> None:
        self._store.release(self)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.release()


def _lock_key(name: str) -> int:
    """Return the key of a name's advisory lock, the same as in version 0.1."""
    return int.from_bytes(hashlib.sha256(f"voxport-lease:{name}".encode()).digest()[:8], signed=True)
