"""Leases of the processes of one machine: a `flock` on a file each. The kernel releases it with its process, even after
a kill, and a process that is frozen keeps it: nobody takes over from it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

PROCESS_PREFIXES: Final = ("worker_", "worker-", "calls_")
"""Names of processes. `worker-0` and the like are those of version 0.1."""


class FileLeases:
    def __init__(self, database: str) -> None:
        self._folder = Path(f"{database}.leases")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._held: set[FileLease] = set()

    def try_acquire(self, name: str, on_lost: Callable[[], None], *, is_process: bool) -> FileLease | None:
        path = self._folder / name
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return None
            if _is_same_file(path, descriptor):
                lease = FileLease(path, descriptor, self._forget)
                with self._lock:
                    self._held.add(lease)
                return lease
            os.close(descriptor)  # the file was unlinked between open and flock, so the lock on it excludes nobody

    def is_held(self, name: str) -> bool:
        """Return whether a process holds the lease. Creates no file."""
        if not (self._folder / name).exists():
            return False
        lease = self.try_acquire(name, lambda: None, is_process=False)
        if lease is None:
            return True
        lease.release()
        return False

    def held(self, prefix: str) -> int:
        return sum(self.is_held(path.name) for path in self._folder.glob(f"{prefix}*"))

    def sweep(self) -> int:
        swept = 0
        for path in self._folder.iterdir():
            if path.name.startswith(PROCESS_PREFIXES):
                lease = self.try_acquire(path.name, lambda: None, is_process=True)
                if lease is not None:
                    lease.release()
                    swept += 1
        return swept

    def close(self) -> None:
        with self._lock:
            held = list(self._held)
        for lease in held:
            lease.release()

    def _forget(self, lease: FileLease) -> None:
        with self._lock:
            self._held.discard(lease)


class FileLease:
    token: Final = None
    is_lost: Final = False

    def __init__(self, path: Path, descriptor: int, on_release: Callable[[FileLease], None]) -> None:
        self.name: Final = path.name
        self._path = path
        self._descriptor: int | None = descriptor
        self._lock = threading.Lock()
        self._on_release = on_release

    def require(self) -> None:
        """Do nothing: the kernel releases the lease of no living process."""

    def release(self) -> None:
        """Does nothing the second time, also if two threads release the lease at once, as the end of a call and of its
        process do: its descriptor may be another file's by then, and its name another process's."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        # Unlinked first: a file that nobody has locked would be left otherwise, and one that a process which waited
        # for it has locked would be removed.
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        os.close(descriptor)
        self._on_release(self)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.release()


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
