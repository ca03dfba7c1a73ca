"""Documents that processes on several hosts share, in a table of Postgres.

A process has one connection, which also listens for notifications. A document is read, changed here, and written if
nobody has written it meanwhile, so that a host that is cut off holds no lock. Each member has an expiry by the
database's clock; a process that can't renew it stops using what it has before the others take it.
"""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Set
from typing import Any, Final
from uuid import uuid4

from voxport.coordination.postgres_connection import PostgresConnection
from voxport.coordination.wake_pipe import WakePipe

TTL_SECONDS: Final = 12.0
"""How long a process stays a member after its last renewal."""
_MARGIN_SECONDS: Final = 1.0
"""For clocks that don't run equally fast."""
_CHANNEL: Final = "voxport_states"
_MAX_NOTIFIED: Final = 200  # a notification has 8,000 bytes
_ALL: Final = "*"
_MAX_ATTEMPTS: Final = 200
_EXPIRY: Final = "expires_at"
_READ: Final = (
    "SELECT version, document, extract(epoch FROM clock_timestamp())::float8 FROM shared_states WHERE name = %s"
)
_INSERT: Final = "INSERT INTO shared_states (name, version, document) VALUES (%s, 0, '{}') ON CONFLICT DO NOTHING"
_WRITE: Final = "UPDATE shared_states SET document = %s::json, version = version + 1 WHERE name = %s AND version = %s"
_TIMEOUT_SECONDS: Final = 5


class PostgresStates:
    def __init__(self, url: str, *, ttl_seconds: float = TTL_SECONDS) -> None:
        self.owner = f"{os.getpid()}-{uuid4().hex[:12]}"
        self.renew_seconds = ttl_seconds / 3
        self._ttl = ttl_seconds
        self._connection = PostgresConnection(
            url, name="voxport-slots", timeout=_TIMEOUT_SECONDS, on_connect=f"LISTEN {_CHANNEL}"
        )
        self._wakes = WakePipe()
        self._expires_at: dict[str, float] = {}

    def update(
        self, name: str, change: Callable[[dict[str, Any], dict[str, dict[str, Any]]], bool], *, renew: bool
    ) -> float:
        """Change a document. Raises psycopg.Error, or TimeoutError if others change it all the time."""
        try:
            for _ in range(_MAX_ATTEMPTS):
                expires_at = self._try_update(name, change, renew=renew)
                if expires_at is not None:
                    self._expires_at[name] = expires_at
                    return expires_at
        except Exception:
            self._connection.disconnect()
            raise
        raise TimeoutError(name)

    def notify(self, owners: Set[str]) -> None:
        payload = " ".join(sorted(owners)) if len(owners) <= _MAX_NOTIFIED else _ALL
        self._connection.execute("SELECT pg_notify(%s, %s)", _CHANNEL, payload)

    def wait(self, timeout: float | None) -> bool:
        try:
            is_new = not self._connection.is_open
            connection = self._connection.driver()
            # Notifications that came with the response to an earlier statement don't make the connection readable.
            if is_new or self._received(connection):
                return True
            return self._wakes.wait(connection.fileno(), timeout) and self._received(connection)
        except Exception:
            self._connection.disconnect()
            raise

    def wake(self) -> None:
        self._wakes.wake()

    def close(self) -> None:
        self._connection.close()
        self._wakes.close()

    def _try_update(
        self, name: str, change: Callable[[dict[str, Any], dict[str, dict[str, Any]]], bool], *, renew: bool
    ) -> float | None:
        """Return the new expiry; None if another process has written the document meanwhile."""
        began = time.monotonic()
        row = self._connection.execute(_READ, name).fetchone()
        if row is None:
            self._connection.execute(_INSERT, name)
            return None
        version, document, now = row
        shared, members = document.get("shared", {}), document.get("members", {})
        alive = {owner: member for owner, member in members.items() if member.get(_EXPIRY, 0) > now}
        before = copy.deepcopy(alive.get(self.owner))
        is_changed = change(shared, alive) or len(alive) != len(members)
        mine = alive.get(self.owner)
        if not is_changed and not (renew and mine is not None):
            return self._expires_at.get(name, began) if before is not None else began + self._ttl - _MARGIN_SECONDS
        if mine is not None:
            mine[_EXPIRY] = now + self._ttl
        written = self._connection.execute(_WRITE, json.dumps({"shared": shared, "members": alive}), name, version)
        return began + self._ttl - _MARGIN_SECONDS if written.rowcount == 1 else None

    def _received(self, connection: Any) -> bool:
        payloads = [one.payload for one in connection.notifies(timeout=0)]
        return any(payload == _ALL or self.owner in payload.split() for payload in payloads)
