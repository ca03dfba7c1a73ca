"""Named leases: each is held by one process, and another one can take it once that process is dead, frozen or cut off.

SQLite: a `flock` on a file beside the database (`file_leases.py`). Postgres: a row that its holder renews
(`table_leases.py`).
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from sqlalchemy import make_url

_POLL_SECONDS = 0.1  # between two attempts to acquire a lease that another process holds


class LeaseLost(Exception):
    """Another process has taken over the work of this one: whatever it still does must have no effect."""


class Lease(Protocol):
    """A lease that this process holds, or has held."""

    @property
    def name(self) -> str: ...

    @property
    def token(self) -> str | None:
        """What the row of the lease must contain in a transaction of its holder; None if it can't be lost."""

    @property
    def is_lost(self) -> bool: ...

    def require(self) -> None:
        """Raises LeaseLost if another process has taken the lease, or may have: asks the database if in doubt."""

    def release(self) -> None:
        """Release the lease and remove its name. Does nothing the second time."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class LeaseStore(Protocol):
    def try_acquire(self, name: str, on_lost: Callable[[], None], *, is_process: bool) -> Lease | None: ...

    def is_held(self, name: str) -> bool: ...

    def held(self, prefix: str) -> int: ...

    def sweep(self) -> int: ...

    def close(self) -> None: ...


class Leases:
    """The leases of one process in one database. Raises the database's errors."""

    def __init__(self, url: str) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[threading.Event]] = {}
        self._store = _open_store(url)

    def acquire_own(self, prefix: str, on_lost: Callable[[], None] = lambda: None) -> Lease:
        """Acquire a new name, `prefix_…`, that stands for this process until it ends. `on_lost` is called, in another
        thread, once another process has taken it over."""
        lease = self._store.try_acquire(f"{prefix}_{secrets.token_hex(10)}", on_lost, is_process=True)
        if lease is None:
            raise RuntimeError("a new name is taken")
        return lease

    def try_take_over(self, name: str) -> Lease | None:
        """Acquire the name of another process, which can do nothing under it from then on. None if that one lives."""
        return self._store.try_acquire(name, lambda: None, is_process=True)

    def try_acquire(self, name: str) -> Lease | None:
        """Acquire a lease; None if a live process holds it."""
        return self._store.try_acquire(name, lambda: None, is_process=False)

    @contextlib.contextmanager
    def hold(self, name: str, timeout: float) -> Iterator[None]:
        """Hold a lease during the block; callers of this process get it in their order of arrival. Raises TimeoutError
        after `timeout` seconds."""
        lease = self._acquire(name, timeout)
        if lease is None:
            raise TimeoutError(name)
        with lease:
            yield

    def is_held(self, name: str) -> bool:
        """Return whether a live process holds the lease now."""
        return self._store.is_held(name)

    def held(self, prefix: str) -> int:
        """Return how many names with this prefix live processes hold now."""
        return self._store.held(prefix)

    def sweep(self) -> int:
        """Remove the names of dead processes, whose work must have been taken over before; returns their number."""
        return self._store.sweep()

    def close(self) -> None:
        """Release every lease."""
        self._store.close()

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


def _open_store(url: str) -> LeaseStore:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        from voxport.db.file_leases import FileLeases

        return FileLeases(str(parsed.database))
    from voxport.db.table_leases import TableLeases

    return TableLeases(url)
