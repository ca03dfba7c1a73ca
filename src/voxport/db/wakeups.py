"""Wakes the workers of a database when there is work, so that they need not poll often.

SQLite: a named pipe per listening process, in a folder beside the database. Postgres: NOTIFY, in the transaction.
A wake-up names a topic, so that only those who have work look for it. It may be lost, and may be spurious: listeners
query the database after each one, and also poll it occasionally.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import event, make_url, text
from sqlalchemy.orm import Session

from voxport.db.pools import unpooled_engine

_CHANNEL: Final = "voxport_work"
_RECONNECT_SECONDS: Final = 2.0
_MIN_PAUSE_SECONDS: Final = 0.01
"""Pause after a wake-up. The wake-ups of many commits in this time are one."""
_MAX_READ: Final = 1 << 16  # bytes
Topics = frozenset[str] | None
"""Topics of wake-ups; None for all that there are."""
ALL_TOPICS: Final = ""
"""The topic that stands for all, also of version 0.1."""
_log = logging.getLogger("voxport.wakeups")


def notify(tx: Session, topic: str) -> None:
    """Wake every listener of this database when `tx` commits; nothing happens if it rolls back."""
    engine = tx.get_bind().engine
    if engine.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_notify(:channel, :topic)"), {"channel": _CHANNEL, "topic": topic})
    else:
        folder = _folder(str(engine.url.database))
        event.listen(tx, "after_commit", lambda _: _write_to_all(folder, topic), once=True)


def open_pipe(path: Path) -> int:
    """Create a named pipe and return its reader, which is never at end of file."""
    hidden = path.with_name(f".{uuid4().hex}")
    os.mkfifo(hidden, 0o600)
    # Opened for writing too: a pipe without a writer is at end of file, and so permanently readable.
    descriptor = os.open(hidden, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    # The pipe gets its visible name only now that it has a reader; without one it looks like a dead process's.
    hidden.rename(path)
    return descriptor


def has_reader(path: Path) -> bool:
    """Return whether `path` is a pipe that a live process reads. Raises OSError if that can't be found out."""
    try:
        with open_writer(str(path)):
            return True
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENOENT, errno.ENOTDIR, errno.ELOOP, None):
            return False
        raise


class WakeupListener:
    """Calls `on_wake` in its own thread, from `start` to `close`: after wake-ups, with their topics, and with None for
    all topics at the start and whenever wake-ups may have been missed."""

    def __init__(self, url: str, on_wake: Callable[[Topics], None]) -> None:
        self._url = url
        self._on_wake = on_wake
        self._stop_reader, self._stop_writer = os.pipe()
        self._thread = threading.Thread(target=self._run, name="wakeups", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        os.close(self._stop_writer)
        self._thread.join()
        os.close(self._stop_reader)

    def _run(self) -> None:
        sqlite = make_url(self._url).get_backend_name() == "sqlite"
        while True:
            try:
                with _pipe(self._url) if sqlite else _notifications(self._url) as (descriptor, drain):
                    self._on_wake(None)
                    while not self._is_stopped(descriptor):
                        self._on_wake(drain())
                        if self._is_stopped(timeout=_MIN_PAUSE_SECONDS):
                            return
                    return
            except Exception:
                _log.exception("listening for wake-ups failed; the worker looks for work by itself meanwhile")
            if self._is_stopped(timeout=_RECONNECT_SECONDS):
                return

    def _is_stopped(self, descriptor: int | None = None, timeout: float | None = None) -> bool:
        """Wait until `descriptor` is readable or `timeout` seconds have passed; returns whether `close` was called."""
        watched = select.poll()
        watched.register(self._stop_reader, select.POLLIN)
        if descriptor is not None:
            watched.register(descriptor, select.POLLIN)
        ready = watched.poll(None if timeout is None else timeout * 1000)
        return any(number == self._stop_reader for number, _ in ready)


WakeupSource = tuple[int, Callable[[], Topics]]
"""A descriptor that becomes readable on a wake-up, and a function that drains it."""


@contextlib.contextmanager
def _notifications(url: str) -> Iterator[WakeupSource]:
    engine = unpooled_engine(url, name="voxport-wakeups", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"LISTEN {_CHANNEL}"))
        driver = connection.connection.driver_connection
        assert driver is not None
        yield driver.fileno(), lambda: _topics(one.payload for one in driver.notifies(timeout=0))


@contextlib.contextmanager
def _pipe(url: str) -> Iterator[WakeupSource]:
    folder = _folder(str(make_url(url).database))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_dead_pipes(folder)
    path = folder / f"{os.getpid()}-{uuid4().hex}"
    descriptor = open_pipe(path)
    try:
        yield descriptor, lambda: _read_topics(descriptor)
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _read_topics(descriptor: int) -> Topics:
    """Drain a pipe. One that was almost full, with no room for a line, may have lost wake-ups."""
    lines = os.read(descriptor, _MAX_READ)
    return None if len(lines) > _MAX_READ // 2 else _topics(lines.decode(errors="replace").splitlines())


def _topics(names: Iterable[str]) -> Topics:
    topics = frozenset(names)
    return None if ALL_TOPICS in topics else topics


def _write_to_all(folder: Path, topic: str) -> None:
    """Write to every pipe. Suppresses OSError, because the caller's transaction is already committed."""
    try:
        with os.scandir(folder) as entries:
            paths = [entry.path for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return  # No process has listened yet.
    for path in paths:
        # Without a reader, its process is dead. If the pipe is full, its process will wake anyway.
        with contextlib.suppress(OSError), open_writer(path) as descriptor:
            os.write(descriptor, f"{topic}\n".encode())


def _remove_dead_pipes(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue  # Its process is about to open it.
        try:
            with open_writer(str(path)):
                pass
        except OSError:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def open_writer(path: str) -> Iterator[int]:
    """Open a pipe for writing. Raises OSError if the path is no pipe or has no reader."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise OSError("not a pipe")
        yield descriptor
    finally:
        os.close(descriptor)


def _folder(database: str) -> Path:
    return Path(f"{database}.wakeups")
