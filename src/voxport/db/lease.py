"""Named leases: each is held by one process, and is released when the process dies.

SQLite: a `flock` on a file beside the database, which the kernel releases with the process. Postgres: a session-level
advisory lock, which is released with its connection.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, make_url, text

from voxport.db.pools import unpooled_engine

MAX_SLOTS = 64
_POLL_SECONDS = 0.1  # between two attempts to acquire a lease that another process holds

# A key of 64 bits is stored in two halves; `objsubid` is 1 for such keys.
_HELD_KEYS = """
    SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Leases:
    def __init__(self, url: str) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[threading.Event]] = {}
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            self._folder: Path | None = Path(f"{parsed.database}.leases")
            self._folder.mkdir(parents=True, exist_ok=True)
        else:
            self._folder = None
            self._engine = unpooled_engine(url, name="voxport-lease")

    def acquire_slot(self, prefix: str) -> tuple[str, Lease]:
        """Acquire the lowest free name of `prefix-0`, `prefix-1`, …. A process that replaces a dead one gets its name,
        and with it its work. Raises RuntimeError if all are taken."""
        for number in range(MAX_SLOTS):
            name = f"{prefix}-{number}"
            lease = self.try_acquire(name)
            if lease is not None:
                return name, lease
        raise RuntimeError(f"all {MAX_SLOTS} {prefix} slots are taken")

    def try_acquire(self, name: str) -> Lease | None:
        """Acquire a lease; None if a live process holds it."""
        return self._try_lock_file(name) if self._folder is not None else self._try_advisory_lock(name)

    @contextlib.contextmanager
    def hold(self, name: str, timeout: float) -> Iterator[None]:
        """Hold a lease during the block; callers of this process get it in their order of arrival. The name is removed
        afterwards. Raises TimeoutError after `timeout` seconds."""
        lease = self._acquire(name, timeout)
        if lease is None:
            raise TimeoutError(name)
        try:
            yield
        finally:
            self.retire(name, lease)

    def is_held(self, name: str) -> bool:
        """Return whether a live process holds the lease now. Creates no lease file."""
        if self._folder is not None and not (self._folder / name).exists():
            return False
        lease = self.try_acquire(name)
        if lease is None:
            return True
        lease.release()
        return False

    def held(self, prefix: str) -> list[str]:
        """Return those of the names `prefix-0`, `prefix-1`, … whose lease a live process holds now."""
        names = [f"{prefix}-{number}" for number in range(MAX_SLOTS)]
        if self._folder is not None:
            return [name for name in names if self.is_held(name)]
        by_key = {_advisory_key(name): name for name in names}
        with self._engine.connect() as connection:
            keys = connection.scalars(text(_HELD_KEYS)).all()
        return [by_key[key] for key in keys if key in by_key]

    def retire(self, name: str, lease: Lease) -> None:
        """Release a lease and remove its name."""
        if self._folder is not None:
            (self._folder / name).unlink(missing_ok=True)
        lease.release()

    def _acquire(self, name: str, timeout: float) -> Lease | None:
        """Acquire a lease in order of arrival. Only the first waiter of this process polls; otherwise the order would
        be random, and all waiters would query Postgres."""
        deadline, turn = time.monotonic() + timeout, threading.Event()
        with self._lock:
            line = self._queues.setdefault(name, deque())
            line.append(turn)
            line[0].set()
        try:
            if not turn.wait(timeout):
                return None
            while (lease := self.try_acquire(name)) is None:
                if time.monotonic() > deadline:
                    return None
                time.sleep(_POLL_SECONDS)
            return lease
        finally:
            with self._lock:
                line.remove(turn)
                if line:
                    line[0].set()
                else:
                    del self._queues[name]

    def _try_lock_file(self, name: str) -> Lease | None:
        assert self._folder is not None
        while True:
            descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return None
            if _is_same_file(self._folder / name, descriptor):
                return Lease(descriptor=descriptor)
            os.close(descriptor)  # the file was unlinked between open and flock, so the lock on it excludes nobody

    def _try_advisory_lock(self, name: str) -> Lease | None:
        key = _advisory_key(name)
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
        self.release()

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _advisory_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"voxport-lease:{name}".encode()).digest()[:8], signed=True)


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
