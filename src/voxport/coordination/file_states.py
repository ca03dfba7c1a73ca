"""Documents that the processes of one machine share, in files of a folder.

Each process has a named pipe there for as long as it lives. A write to it wakes the process, and a pipe without a
reader shows that its process is dead, however it died. A file is changed under a lock of the kernel (`flock`), which
ends with the process as well, and by one write of less than a page, which a kill does not split.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Set
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from voxport.coordination.wake_pipe import WakePipe
from voxport.db.wakeups import has_reader, open_pipe, open_writer

_MAX_BYTES: Final = 1 << 20
_LOCK_SECONDS: Final = 3.0
"""A document is locked for microseconds, unless the process that holds the lock was stopped just then."""
_RENEW_SECONDS: Final = 4.0
"""Nothing expires here; the pace at which a member looks whether it still needs what it has."""
_PIPES: Final = "members"
_log = logging.getLogger("voxport.coordination")


class FileStates:
    def __init__(self, folder: str) -> None:
        self.owner = f"{os.getpid()}-{uuid4().hex[:12]}"
        self.renew_seconds = _RENEW_SECONDS
        self._folder = Path(folder)
        self._wakes = WakePipe()
        self._pipe: int | None = None
        self._pipe_lock = threading.Lock()

    def update(
        self, name: str, change: Callable[[dict[str, Any], dict[str, dict[str, Any]]], bool], *, renew: bool
    ) -> float:
        """Change a document. Raises OSError, or TimeoutError if a stopped process holds the lock."""
        self._join()
        with _locked(self._folder / f"{name}.json") as descriptor:
            shared, members = _read(descriptor)
            alive = {owner: member for owner, member in members.items() if self._is_alive(owner)}
            if change(shared, alive) or len(alive) != len(members):
                _write(descriptor, shared, alive)
        return math.inf

    def notify(self, owners: Set[str]) -> None:
        for owner in owners:
            # A dead process has no reader, and one with a full pipe will wake anyway.
            with contextlib.suppress(OSError), open_writer(str(self._folder / _PIPES / owner)) as descriptor:
                os.write(descriptor, b"\n")

    def wait(self, timeout: float | None) -> bool:
        self._join()
        assert self._pipe is not None
        is_notified = self._wakes.wait(self._pipe, timeout)
        if is_notified:
            os.read(self._pipe, 1 << 16)
        return is_notified

    def wake(self) -> None:
        self._wakes.wake()

    def close(self) -> None:
        """Does nothing the second time, also if two threads close it at once."""
        self._wakes.close()
        with self._pipe_lock:
            if self._pipe is not None:
                (self._folder / _PIPES / self.owner).unlink(missing_ok=True)
                os.close(self._pipe)
                self._pipe = None

    def _join(self) -> None:
        """Open this process's pipe, unless it is open and still has its name."""
        folder = self._folder / _PIPES
        with self._pipe_lock:
            if self._pipe is not None and (folder / self.owner).exists():
                return
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            before, self._pipe = self._pipe, open_pipe(folder / self.owner)
            if before is not None:
                os.close(before)

    def _is_alive(self, owner: str) -> bool:
        """Raises OSError if that can't be found out, as when this process has too many open files."""
        if owner == self.owner:
            return True
        if Path(owner).name != owner:
            return False
        path = self._folder / _PIPES / owner
        if has_reader(path):
            return True
        path.unlink(missing_ok=True)
        return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a file and hold its lock. Raises TimeoutError after `_LOCK_SECONDS`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the lock of {path.name} is held") from None
                time.sleep(0.001)
        yield descriptor
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return a document's common part and members. One that can't be read, as after a power failure, is empty."""
    raw = os.pread(descriptor, _MAX_BYTES, 0)
    if not raw:
        return {}, {}
    try:
        document = json.loads(raw)
        shared, members = document["shared"], document["members"]
        if isinstance(shared, dict) and all(isinstance(member, dict) for member in members.values()):
            return shared, members
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    _log.warning("a document that processes share could not be read and begins anew")
    return {}, {}


def _write(descriptor: int, shared: dict[str, Any], members: dict[str, dict[str, Any]]) -> None:
    """Write a document. A shorter one is padded, so that one write replaces the whole content."""
    content = json.dumps({"shared": shared, "members": members}, separators=(",", ":")).encode()
    os.pwrite(descriptor, content.ljust(os.fstat(descriptor).st_size), 0)
