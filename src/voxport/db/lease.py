"""A lease on a name: held by one living process, free again the moment that process dies.

SQLite: a lock on a file beside the database (`flock`, dropped by the kernel with the process). Postgres: a session's
advisory lock, dropped with its connection.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.pool import NullPool

SLOTS = 64


class Leases:
    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            self._folder: Path | None = Path(f"{parsed.database}.leases")
            self._folder.mkdir(parents=True, exist_ok=True)
        else:
            self._folder = None
            self._engine = create_engine(url, poolclass=NullPool)

    def take_slot(self, prefix: str) -> tuple[str, Lease]:
        """The lowest free name `prefix-0`, `prefix-1`, …: a process that starts after a death takes the dead one's
        name, and with it its work. Raises RuntimeError where all are taken."""
        for number in range(SLOTS):
            name = f"{prefix}-{number}"
            lease = self.take(name)
            if lease is not None:
                return name, lease
        raise RuntimeError(f"all {SLOTS} {prefix} slots are taken")

    def take(self, name: str) -> Lease | None:
        """The lease, or None where a living process holds it."""
        return self._take_file(name) if self._folder is not None else self._take_row(name)

    def is_held(self, name: str) -> bool:
        """Whether a living process holds the lease now. It is only looked at: nothing stays of the look."""
        if self._folder is not None and not (self._folder / name).exists():
            return False
        lease = self.take(name)
        if lease is None:
            return True
        lease.give_back()
        return False

    def retire(self, name: str, lease: Lease) -> None:
        """Give back a lease whose name nobody will use again."""
        if self._folder is not None:
            (self._folder / name).unlink(missing_ok=True)
        lease.give_back()

    def _take_file(self, name: str) -> Lease | None:
        assert self._folder is not None
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return Lease(descriptor=descriptor)

    def _take_row(self, name: str) -> Lease | None:
        key = int.from_bytes(hashlib.sha256(f"voxport-lease:{name}".encode()).digest()[:8], signed=True)
        connection = self._engine.connect()
        with contextlib.suppress(Exception):
            if connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}):
                connection.commit()
                return Lease(connection=connection)
        connection.close()
        return None


class Lease:
    def __init__(self, *, descriptor: int | None = None, connection: Connection | None = None) -> None:
        self._descriptor = descriptor
        self._connection = connection

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
